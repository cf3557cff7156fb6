from pathlib import Path

from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.errors import OutputError


def test_export(small_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["export", str(small_bundle), "--format", "openvino", "-o", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "labels.json, model.bin, model.json, model.xml" in result.output
    assert "Untrained." in result.output
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, OutputError)
    assert CliRunner().invoke(app, [*command, "--overwrite"]).exit_code == 0
    refused = CliRunner().invoke(app, [*command[:3], "keras", *command[4:]])
    assert refused.exit_code == 2
