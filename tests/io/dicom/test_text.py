"""Text in DICOM files of any language, decoded by the character set that the file declares."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest

from amcnet.anatomy import LabelTable
from amcnet.io import list_series, read_labels, read_volume, write_labels


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
