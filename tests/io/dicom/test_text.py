"""Text in DICOM files of any language, decoded by the character set that the file declares."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.io import list_series, read_labels, read_segments, read_volume, write_labels


@pytest.mark.parametrize(
    ("charset", "name", "description"),
    [
        ("ISO_IR 100", "Müller^Zoë", "Handgelenk längs"),
        ("ISO_IR 192", "山田^太郎", "手首 3D"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "手首"),
        ("GB18030", "王^小东", "手腕"),
        ("ISO_IR 144", "Жижа^Юлия", "кисть"),
        ("ISO_IR 100", "Plain^Name", ""),
    ],
)
def test_strings_are_decoded_by_their_character_set(
    dicom: SimpleNamespace,
    scan: Any,
    tmp_path: Path,
    charset: str | list[str],
    name: str,
    description: str,
) -> None:
    folder = dicom.series(
        tmp_path / "scan", scan, SpecificCharacterSet=charset, PatientName=name,
        SeriesDescription=description,
    )  # fmt: skip
    (series,) = list_series(folder)
    assert series.description == description
    assert name not in f"{series}{series!r}"
    volume = read_volume(folder)
    table = LabelTable.from_names(["Wirbelkörper", "手首の骨"])
    labels = (volume.array > 200).astype(np.uint8) * 2
    write_labels(tmp_path / "a.dcm", labels, volume.geometry, table)
    written = pydicom.dcmread(tmp_path / "a.dcm")
    assert str(written.PatientName) == name
    assert written.SegmentSequence[1].SegmentLabel == "手首の骨"
    np.testing.assert_array_equal(read_labels(tmp_path / "a.dcm", table).array, labels)


@pytest.mark.parametrize(
    ("charset", "stored", "expected"),
    [
        ("ISO_IR 100", "Körper".encode("latin-1"), "Körper"),
        ("ISO IR 100", "Körper".encode("latin-1"), "Körper"),  # a spelling that occurs
        ("ISO_IR 144", "Кость".encode("iso8859-5"), "Кость"),
        ("GB18030", "手骨".encode("gb18030"), "手骨"),
        (["", "ISO 2022 IR 87"], b"\x1b$B<j\x1b(B", "手"),
        (None, b"Body", "Body"),
        (None, "Körper".encode(), "Körper"),
        (None, "Körper".encode("latin-1"), None),
        ("ISO_IR 6", "Körper".encode("latin-1"), None),
        ("ISO_IR 192", "Körper".encode("latin-1"), None),
        ("ISO_IR 999", "Körper".encode(), None),
        ("iso_ir 192", "Körper".encode(), None),
        ("ISO_IR 999", b"Body", "Body"),
    ],
)
def test_names_of_segments_are_never_guessed(
    dicom: SimpleNamespace,
    scan: Any,
    tmp_path: Path,
    charset: str | list[str] | None,
    stored: bytes,
    expected: str | None,
) -> None:
    volume = read_volume(dicom.series(tmp_path / "scan", scan))
    labels = (volume.array > 200).astype(np.uint8)
    path = tmp_path / "a.dcm"
    write_labels(path, labels, volume.geometry, LabelTable.from_names(["ABCDEFGHIJKL"]))
    dataset = pydicom.dcmread(path)
    with pydicom.config.disable_value_validation():
        dataset.SpecificCharacterSet = charset
        dataset.save_as(path)
    content = path.read_bytes()
    assert content.count(b"ABCDEFGHIJKL") == 1
    path.write_bytes(content.replace(b"ABCDEFGHIJKL", stored.ljust(12)))
    if expected is not None:
        assert [segment.name for segment in read_segments(path)] == [expected]
        return
    for read in (read_segments, read_labels):
        with pytest.raises(InputError, match=r"character set") as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
