from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amcnet.errors import InputError
from amcnet.io import list_series, read_volume
from amcnet.io.dicom import is_dicom, is_series_folder


@pytest.fixture
def two(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> Path:
    """A folder with two series in folders of their own, and an Enhanced Ultrasound Volume."""
    dicom.series(tmp_path / "study" / "a", scan, SeriesNumber=3)
    scan.stored = 255 - scan.stored[:7]
    dicom.series(tmp_path / "study" / "b", scan, SeriesNumber=12)
    scan.stored = scan.stored[:4]
    dicom.enhanced(tmp_path / "study" / "c.dcm", scan)
    return tmp_path / "study"


def test_series_are_listed_and_chosen(two: Path, scan: Any, dicom: SimpleNamespace) -> None:
    found = list_series(two)
    assert [(one.number, one.frames, one.rows, one.columns) for one in found] == sorted(
        [(3, 9, 12, 11), (3, 4, 12, 11), (12, 7, 12, 11)],
        key=lambda row: [(one.number, one.frames) for one in found].index(row[:2]),
    )
    assert {one.modality for one in found} == {"US"}
    twelve = next(one for one in found if one.number == 12)
    by_number, by_uid = read_volume(two, series="12"), read_volume(two, series=twelve.uid)
    np.testing.assert_array_equal(by_number.array, by_uid.array)
    assert by_number.array.size == 7 * 12 * 11
    for wanted, sentence in (
        (
            None,
            "study: holds 3 series, expected a single one, or the number or UID of one "
            r"\(--series\): 3 \(US, ",
        ),
        ("3", "study: holds 2 series '3', expected one of: "),
        ("4", "study: holds no series '4', expected one of: "),
    ):
        with pytest.raises(InputError, match=sentence) as caught:
            read_volume(two, series=wanted)
        assert all(one.uid in str(caught.value) for one in found)
        assert not any(word in str(caught.value) for word in dicom.words)


def test_volumes_of_one_series_are_told_apart(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def same(_: int, dataset: Any) -> None:
        dataset.SeriesInstanceUID = "1.2.3.4"

    dicom.enhanced(tmp_path / "a.dcm", scan, edit=same)
    scan.stored = scan.stored[:5]
    dicom.enhanced(tmp_path / "b.dcm", scan, edit=same)
    first, second = sorted(list_series(tmp_path), key=lambda one: one.frames)
    assert read_volume(tmp_path, series=first.uid).geometry.size == (11, 12, 5)
    assert read_volume(tmp_path, series=second.uid).geometry.size == (11, 12, 9)


def test_what_is_dicom(dicom: SimpleNamespace, scan: Any, two: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert not is_dicom(plain)
    (plain / "a.nrrd").write_bytes(b"NRRD0004")
    assert not is_dicom(plain / "a.nrrd")
    nameless = plain / "IM0001"
    (two / "c.dcm").rename(nameless)
    assert is_dicom(nameless)
    assert is_dicom(plain)
    assert is_dicom(two)
    # A folder of series is one input, one with images of its own or of many frames has several.
    assert is_series_folder(two)
    assert is_series_folder(two / "a")
    assert not is_series_folder(plain)
    (plain / "a.nrrd").unlink()
    assert not is_series_folder(plain)
    assert not is_series_folder(nameless)
