from dataclasses import replace
from pathlib import Path

import pytest

from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.plan import plan_files


@pytest.fixture
def options(small_bundle: Path) -> SegmentOptions:
    return SegmentOptions(models=(str(small_bundle),))


def test_folder_is_made_when_all_is_right(options: SegmentOptions, tmp_path: Path) -> None:
    inputs, out = [tmp_path / "a.nrrd", tmp_path / "b.nrrd"], tmp_path / "out"
    with pytest.raises(InputError, match=r"'tumb' is not in .* expected 'thumb'"):
        plan_files(inputs, out, replace(options, only=("tumb",)))
    with pytest.raises(OutputError, match="would be written for both"):
        plan_files([inputs[0], *inputs], out, options)
    with pytest.raises(OutputError, match=r"'.*no' does not exist, create it first"):
        plan_files(inputs, tmp_path / "no" / "out", options)
    assert not out.exists()
    jobs = plan_files(inputs, out, replace(options, extension=".mha"))
    assert jobs == [Job(inputs[0], out / "a.mha"), Job(inputs[1], out / "b.mha")]
    assert out.is_dir()


def test_format_is_for_folders(options: SegmentOptions, tmp_path: Path) -> None:
    options = replace(options, extension=".nii.gz")
    with pytest.raises(ConfigError, match="--format: is for files in a folder"):
        plan_files([tmp_path / "a.nrrd"], tmp_path / "b.nrrd", options)
    with pytest.raises(ConfigError, match=r"--format: found '\.png', expected one of"):
        plan_files([tmp_path / "a.nrrd"], tmp_path, replace(options, extension=".png"))
    assert plan_files([tmp_path / "a.nrrd"], tmp_path, options) == [
        Job(tmp_path / "a.nrrd", tmp_path / "a.nii.gz")
    ]


def test_folders_of_masks(options: SegmentOptions, tmp_path: Path) -> None:
    options = replace(options, separate=True)
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "a.nrrd").write_bytes(b"x")
    assert plan_files([folder / "a.nrrd"], out, options) == [Job(folder / "a.nrrd", out)]
    assert not out.exists()
    assert plan_files([folder], out, options) == [Job(folder / "a.nrrd", out / "a")]
    assert out.is_dir()
    (out / "a").mkdir()
    (out / "a" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"a: holds 'notes\.txt', expected a new or empty"):
        plan_files([folder], out, replace(options, overwrite=True))
    with pytest.raises(OutputError, match="in: holds an input, expected another folder"):
        plan_files([folder / "a.nrrd"], folder, replace(options, overwrite=True))
    with pytest.raises(OutputError, match=r"b\.nrrd: is the name of a file, expected a folder"):
        plan_files([folder], tmp_path / "b.nrrd", options)


def test_probabilities_are_not_replaced_unasked(options: SegmentOptions, tmp_path: Path) -> None:
    options = replace(options, probabilities=True)
    source, target = tmp_path / "a.nrrd", tmp_path / "b.seg.nrrd"
    assert plan_files([source], target, options) == [Job(source, target)]
    (tmp_path / "b.probabilities.npy").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"b\.probabilities\.npy: already exists"):
        plan_files([source], target, options)
    assert plan_files([source], target, replace(options, overwrite=True))


def test_dicom_outputs_that_would_fail_after_the_work(
    options: SegmentOptions, tmp_path: Path
) -> None:
    (tmp_path / "scan.dcm").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "scan.nrrd").write_bytes(b"")
    scan, out = [tmp_path / "scan.dcm"], tmp_path / "out.dcm"
    assert plan_files(scan, out, options) == [Job(scan[0], out)]
    given = replace(options, spacing_mm=(1.0, 1.0, 1.0))
    for target, also in ((out, None), (tmp_path / "a.nrrd", out)):
        with pytest.raises(OutputError, match=r"out\.dcm: .* which --spacing overrides"):
            plan_files(scan, target, given, also)
    with pytest.raises(OutputError, match="expected another output"):
        plan_files([tmp_path / "scan.nrrd"], tmp_path / "a.nrrd", options, out)


def test_what_a_folder_run_passes_over_is_named(
    options: SegmentOptions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    for name in ("a.nrrd", "B.NII.GZ", "c.zip", "d.vtk", "e.json", ".f", "g.seg.nrrd", "README"):
        (folder / name).write_bytes(b"")
    (tmp_path / "out").mkdir()
    jobs = plan_files([folder], tmp_path / "out", options)
    assert [job.source.name for job in jobs] == ["B.NII.GZ", "a.nrrd"]
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{folder}: skipped c.zip, d.vtk, more/, expected ")
