"""The label table that a segmentation file carries: names of its segments."""

import re
from collections.abc import Sequence
from pathlib import Path

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError
from amcnet.io import find_extension, is_dicom, read_segments
from amcnet.io.segment_list import Segment, plain_name

_IGNORE = "ignore"
_GENERIC = re.compile(r"(segment(ation)?|label|structure|class|region|part)?[ _-]*[0-9]+", re.I)


def read_label_table(path: Path) -> LabelTable | None:
    """Return the names of a file's segments as a table, None for a file without names.

    Segments that all are structures of the hand, by name or by code, give the hand's whole table.
    Generic names such as ``Segment_3`` are no names.
    """
    if not path.is_file() or not (is_dicom(path) or find_extension(path, (".nrrd", ".nhdr"))):
        return None
    segments = [s for s in read_segments(path) if plain_name(s.name) != _IGNORE]
    if not segments or all(_GENERIC.fullmatch(s.name.strip()) for s in segments):
        return None
    if all(_is_of_the_hand(s) for s in segments):
        return hand_label_table()
    return _own_table(path, segments)


def _is_of_the_hand(segment: Segment) -> bool:
    hand = hand_label_table()
    names = {plain_name(structure.name) for structure in hand}
    codes = {code for structure in hand for code in structure.codes.items()}
    return plain_name(segment.name) in names or not codes.isdisjoint(segment.codes)


def _own_table(path: Path, segments: Sequence[Segment]) -> LabelTable:
    ordered = sorted(segments, key=lambda s: (s.layer, s.label_value))
    names = [segment.name for segment in ordered]
    plain = [plain_name(name) for name in names]
    if repeated := [name for name in names if plain.count(plain_name(name)) > 1]:
        raise InputError(f"{path}: has several segments called '{repeated[0]}', expected one")
    return LabelTable.from_names(names)
