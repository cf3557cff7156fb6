import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.errors import ConfigError, InputError
from amcnet.io import Geometry, read_volume, write_image
from amcnet.training import read_config

RUN = CliRunner()


def test_check_writes_nothing(blocks: Path, tmp_path: Path) -> None:
    result = RUN.invoke(app, ["prepare", str(blocks), "--check"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "4 cases, 2 structures, no errors" in result.output
    assert not list(tmp_path.iterdir())


def test_prepare_names_its_reasons_and_what_comes_next(blocks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = RUN.invoke(app, ["prepare", str(blocks), "-o", str(out), "--grid", "1,3,2"])
    assert result.exit_code == 0, result.output
    assert "- spacing is the median" in result.output
    assert f"amcnet train {out}" in result.output.replace("\n", "")
    assert read_config(out).network.num_classes == 3


def test_all_problems_are_in_one_table_and_nothing_is_written(blocks: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(blocks, bad)
    (bad / "labelsTr" / "b0.nrrd").unlink()
    image = bad / "imagesTr" / "b1_0000.nrrd"
    other = Geometry.canonical((20, 24, 20), (1.0, 1.5, 1.25))
    write_image(image, read_volume(image).array, other, overwrite=True)
    result = RUN.invoke(app, ["prepare", str(bad), "-o", str(tmp_path / "out")])
    assert isinstance(result.exception, InputError)
    assert "2 errors" in str(result.exception)
    text = " ".join(result.output.split())
    assert "b0" in text
    assert "labelsTr/b0.nrrd" in text
    assert "1.25" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--out: is missing"),
        (["-o", "x", "--from", "hand", "--window", "8"], "expected only one of them"),
    ],
)
def test_arguments_that_cannot_be(
    blocks: Path,
    tmp_path: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = RUN.invoke(app, ["prepare", str(blocks), *arguments])
    assert isinstance(result.exception, ConfigError)
    with pytest.raises(ConfigError, match=message):
        raise result.exception
    assert not list(tmp_path.iterdir())
