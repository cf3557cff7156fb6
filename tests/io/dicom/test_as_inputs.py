"""DICOM where the commands take volumes: which inputs there are, and what is refused early."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amcnet import segment
from amcnet.errors import InputError, OutputError
from amcnet.io import read_labels
from amcnet.workflows.segment.file_names import find_inputs
from amcnet.workflows.segment.masks import write_each
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.plan import plan_files


def test_a_folder_of_dicom_is_one_input(
    dicom: SimpleNamespace, scan: Any, small_bundle: Path, tmp_path: Path
) -> None:
    series = dicom.series(tmp_path / "in" / "visit.1", scan)
    volumes = tmp_path / "volumes"
    volumes.mkdir()
    for name in ("b.dcm", "a.DCM"):
        dicom.enhanced(volumes / name, scan)
    assert find_inputs([series, tmp_path / "in", volumes]) == [
        series, tmp_path / "in", volumes / "a.DCM", volumes / "b.dcm",
    ]  # fmt: skip
    options = SegmentOptions(models=(str(small_bundle),))
    out = tmp_path / "out"
    assert plan_files([series], tmp_path / "x.dcm", options) == [Job(series, tmp_path / "x.dcm")]
    jobs = plan_files([series, volumes], out, replace(options, extension=".dcm"))
    assert [job.target.name for job in jobs] == ["visit.1.dcm", "a.dcm", "b.dcm"]
    assert plan_files([series], out, replace(options, separate=True)) == [Job(series, out)]


def test_what_is_no_dicom_is_refused_before_any_work(
    small_bundle: Path, scan: Any, dicom: SimpleNamespace, tmp_path: Path
) -> None:
    options = SegmentOptions(models=(str(small_bundle),))
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004")
    with pytest.raises(OutputError, match=r"b\.dcm: a DICOM segmentation refers to .*a\.nrrd is"):
        plan_files([tmp_path / "a.nrrd"], tmp_path / "b.dcm", options)
    masks = replace(options, separate=True, extension=".dcm")
    with pytest.raises(OutputError, match=r"masks: a DICOM segmentation refers to .*a\.nrrd is"):
        plan_files([tmp_path / "a.nrrd"], tmp_path / "masks", masks)


def test_segmenting_in_python(
    dicom: SimpleNamespace, scan: Any, small_bundle: Path, tmp_path: Path
) -> None:
    scan.direction = np.eye(3)
    result = segment(dicom.series(tmp_path / "series", scan), model=small_bundle)
    result.write(tmp_path / "labels.dcm", seg_type="labelmap")
    np.testing.assert_array_equal(
        read_labels(tmp_path / "labels.dcm", result.table).array, result.labels
    )
    masks = write_each(result, tmp_path / "masks", ".dcm")
    for value, mask in zip(sorted(result.confidence), masks, strict=True):
        np.testing.assert_array_equal(read_labels(mask).array, result.labels == value)

    old = tmp_path / "old.dcm"
    dicom.dataset(dicom.US_MULTI_FRAME, scan.stored, NumberOfFrames=9).save_as(old)
    same = segment(old, (0.7, 0.4, 0.25), model=small_bundle)
    np.testing.assert_array_equal(same.labels, result.labels)
    with pytest.raises(InputError, match="no such file"):
        segment(tmp_path / "a.nrrd", (1, 1, 1), model=small_bundle)
