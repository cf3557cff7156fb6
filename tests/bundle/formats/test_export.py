import subprocess
import sys
from pathlib import Path

import pytest

from amcnet.bundle.formats import FORMATS, export_model
from amcnet.errors import ModelError, OutputError


def test_nothing_is_lost_by_overwriting(small_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_model(small_bundle, "openvino", out)
    with pytest.raises(OutputError, match="out: already exists, use --overwrite"):
        export_model(small_bundle, "openvino", out)
    (out / "labels.json").write_text("changed")
    export_model(small_bundle, "openvino", out, overwrite=True)
    assert (out / "labels.json").read_text() != "changed"
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"out: holds notes\.txt, which is not part"):
        export_model(small_bundle, "openvino", out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [out]


def test_a_model_is_not_replaced_by_its_export(small_bundle: Path) -> None:
    before = sorted(path.name for path in small_bundle.iterdir())
    with pytest.raises(OutputError, match=r"holds model\.safetensors"):
        export_model(small_bundle, "openvino", small_bundle, overwrite=True)
    assert sorted(path.name for path in small_bundle.iterdir()) == before


def test_refusals(small_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="found 'keras', expected one of monai-bundle, onnx, op"):
        export_model(small_bundle, "keras", tmp_path / "out")
    with pytest.raises(OutputError, match="does not exist, create it first"):
        export_model(small_bundle, "openvino", tmp_path / "none" / "out")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file: is a file, expected a folder"):
        export_model(small_bundle, "openvino", tmp_path / "file", overwrite=True)
    with pytest.raises(ModelError, match="is neither a folder nor an installed model"):
        export_model("nothing", "openvino", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_only_openvino_works_without_pytorch(small_bundle: Path, tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util; sys.modules['torch'] = None\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda n, *a: None if n == 'torch' else find(n, *a)\n"
        "from pathlib import Path\n"
        "from amcnet.bundle.formats import export_model\n"
        "from amcnet.errors import MissingExtraError\n"
        "for name in sys.argv[3:]:\n"
        "    try:\n"
        "        export_model(sys.argv[1], name, Path(sys.argv[2]) / name)\n"
        "    except MissingExtraError as error:\n"
        "        assert \"pip install 'amcnet[train]'\" in str(error)\n"
    )
    command = [sys.executable, "-c", code, str(small_bundle), str(tmp_path), *FORMATS]
    subprocess.run(command, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["openvino"]


_FULL_DISK = """
import resource, sys
from amcnet.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits file sizes")
@pytest.mark.parametrize("format_name", ["monai-bundle", "onnx", "openvino"])
def test_a_full_disk_is_one_line(small_bundle: Path, tmp_path: Path, format_name: str) -> None:
    out = tmp_path / "out"
    arguments = ["export", small_bundle, "--format", format_name, "-o", out]
    command = [sys.executable, "-c", _FULL_DISK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"amcnet: {out}: could not be written")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
