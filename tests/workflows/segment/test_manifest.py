from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.workflows.segment.manifest import Manifest
from amcnet.workflows.segment.options import Job


@pytest.mark.parametrize("name", ["scan.nrrd", "out.seg.nrrd", "also.mha", "page.html"])
def test_a_manifest_is_no_input_and_no_output(tmp_path: Path, name: str) -> None:
    """Else it would be in the way of the labels when all the work is done."""
    (tmp_path / "scan.nrrd").write_bytes(b"")
    job = Job(
        tmp_path / "scan.nrrd",
        tmp_path / "out.seg.nrrd",
        also=tmp_path / "also.mha",
        report=tmp_path / "page.html",
    )
    with pytest.raises(OutputError, match=f"{name}: is an input or an output too"):
        Manifest(tmp_path / name, [], [job])
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nrrd"]
