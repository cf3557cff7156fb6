"""Files that name labels: nnU-Net's ``dataset.json`` and ITK-SNAP's label descriptions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amcnet.anatomy import LabelTable, Structure, hand_label_table, own_table_of
from amcnet.errors import InputError, count_text
from amcnet.io.input_files import check_regular_file
from amcnet.io.small_files import read_json, read_small_file

MAX_STRUCTURES = 254  # labels have 8 bits: 0 is background, 255 marks ignored voxels

_IGNORE = "ignore"  # nnU-Net's name for the ignore label
_FIRST_VERSION_NOTE = (
    "dataset.json lists labels as value: name (nnU-Net v1, Medical Segmentation Decathlon): they "
    "were converted to name: value"
)
_MAX_LABEL = 65535
_MOST_DIGITS = 9
_MOST_NAMES = MAX_STRUCTURES + 2  # background and the ignore label
_NUMBER = r"([0-9]{1,9})\s+"
_SNAP_ROW = re.compile(_NUMBER * 4 + r'[-+.0-9eE]+\s+[01]\s+[01]\s+"(.*)"')
_START_BYTES = 1 << 16
_SNAP_EXPECTED = 'a row of ITK-SNAP: IDX R G B A VIS MSH "LABEL"'


@dataclass(frozen=True)
class LabelNames:
    """Names of label values.

    Attributes:
        table: The structures.
        ignore_value: Value of ignored voxels in the files; None if there are none.
        placeholders: Values of structures that only fill gaps between the values of a file.
        note: Note on a conversion during reading; empty if there was none.

    Example:
        >>> names = LabelNames(LabelTable.from_names(["femur", "tibia"]), ignore_value=3)
        >>> names.table.num_classes, names.ignore_value
        (3, 3)
    """

    table: LabelTable
    ignore_value: int | None = None
    placeholders: tuple[int, ...] = ()
    note: str = ""


def read_label_file(path: Path) -> LabelNames:
    """Read a ``dataset.json`` (by its content) or else an ITK-SNAP label description file.

    The hand's names in the hand's order give the hand's own table. An ITK-SNAP file keeps its
    colours, and its values may have gaps: these are filled with structures named ``unused N``, so
    that label values do not change.

    Raises:
        InputError: If the file is missing or unusable, names or values repeat, there are more than
            254 structures, or the values of a ``dataset.json`` are not 1, 2, 3, ... (and the
            highest one for ``ignore``).

    >>> path = Path("names.json")
    >>> _ = path.write_text('{"labels": {"background": 0, "liver": 1, "ignore": 2}}')
    >>> names = read_label_file(path)
    >>> names.table[1].name, names.ignore_value
    ('liver', 2)
    """
    check_regular_file(path, "a dataset.json or an ITK-SNAP label description")
    try:
        if _is_json(path):
            return _names_of_description(read_dataset_json(path, ("labels",))["labels"])
        return _read_snap(path)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(f"{path}:") else f"{path}: {text}") from error


def read_label_table(path: Path) -> LabelTable:
    """Return the structures that a label file names, see :func:`read_label_file`.

    Example:
        >>> text = '{"labels": {"background": 0, "femur": 1}}'
        >>> _ = Path("dataset.json").write_text(text)
        >>> read_label_table(Path("dataset.json"))[1].name
        'femur'
    """
    return read_label_file(path).table


def read_dataset_json(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """Read a ``dataset.json`` that has at least these keys.

    Raises:
        InputError: If the file is missing, is not a JSON object or lacks a key.
    """
    description = read_json(path, "the description of an nnU-Net data set")
    if not isinstance(description, dict):
        raise InputError(f"{path}: holds {type(description).__name__}, expected an object")
    missing = [key for key in keys if key not in description]
    if missing:
        raise InputError(
            f"{path}: has no {' and no '.join(missing)}, expected {' and '.join(keys)}"
        )
    return description


def table_of_names(names: Iterable[str]) -> LabelTable:
    """Return a table for names without values, in any order: the hand's own for its names.

    Raises:
        InputError: If names repeat or there are more than 254.
    """
    table = LabelTable.from_names(list(names))
    hand = hand_label_table()
    return hand if {s.name for s in table} == {s.name for s in hand} else _limited(table)


def looks_like_snap(path: Path) -> bool:
    """Return whether the first line of a text file that is not a comment is an ITK-SNAP row.

    Names in an encoding other than UTF-8 are accepted here; reading the file refuses them.
    """
    if not path.is_file():  # a named pipe would block
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(_START_BYTES)
    except OSError:
        return False
    rows = _rows(start.decode("utf-8-sig", errors="replace"))
    return bool(rows) and _SNAP_ROW.fullmatch(rows[0][1]) is not None


def _is_json(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    return path.suffix.lower() == ".json" or start.startswith(b"{")


def _names_of_description(labels: object) -> LabelNames:
    if not isinstance(labels, dict):
        raise InputError(f"labels are {labels!r}, expected names with whole numbers")
    if _is_first_version(labels):
        names = _names_of_description(_by_name(labels))
        return replace(names, note=_FIRST_VERSION_NOTE)
    regions = [name for name, value in labels.items() if isinstance(value, list | tuple)]
    if regions:
        raise InputError(
            f"key 'labels': '{regions[0]}' is {labels[regions[0]]!r}, expected a single whole "
            "number: regions of several values (key 'regions_class_order') are not supported"
        )
    if not all(type(value) is int for value in labels.values()):
        raise InputError(f"labels are {labels!r}, expected names with whole numbers")
    if len(set(labels.values())) != len(labels):
        raise InputError(f"label values are {list(labels.values())}, expected no repeats")
    if len(labels) > _MOST_NAMES:
        raise InputError(f"found {len(labels)} labels, expected at most {MAX_STRUCTURES}")
    structures = {name: value for name, value in labels.items() if value != 0}
    ignore_value = structures.pop(_IGNORE, None)
    values = sorted(structures.values())
    if values != list(range(1, len(values) + 1)) or not values:
        raise InputError(f"label values are {values}, expected 1 to {max(len(values), 1)}")
    if ignore_value is not None and not len(values) < ignore_value <= _MAX_LABEL:
        raise InputError(
            f"label '{_IGNORE}' is {ignore_value}, expected the highest value of all, "
            f"{len(values) + 1} or more"
        )
    table = LabelTable.from_names(sorted(structures, key=structures.__getitem__))
    return LabelNames(own_table_of(_limited(table)), ignore_value)


def _is_first_version(labels: dict[Any, Any]) -> bool:
    """Return whether labels are given as value -> name."""
    keys_are_values = all(str(key).isdecimal() for key in labels)
    values_are_names = all(isinstance(value, str) for value in labels.values())
    return bool(labels) and keys_are_values and values_are_names


def _by_name(labels: dict[str, str]) -> dict[str, int]:
    """Convert value -> name to name -> value."""
    by_name: dict[str, int] = {}
    for value, name in labels.items():
        if name in by_name:
            raise InputError(f"name '{name}' occurs twice, expected it once")
        if len(value) > _MOST_DIGITS:
            raise InputError(f"label values go up to {value}, expected at most {_MAX_LABEL}")
        by_name[name] = int(value)
    return by_name


def _read_snap(path: Path) -> LabelNames:
    """Read the rows of an ITK-SNAP file; gaps between its values are filled with placeholders."""
    found: dict[int, Structure] = {}
    for number, line in _snap_lines(path):
        try:
            structure = _snap_structure(line)
            if structure.value in found:
                raise InputError(f"value {structure.value} occurs twice, expected it once")
            if structure.value and structure.name in {s.name for v, s in found.items() if v}:
                raise InputError(f"name '{structure.name}' occurs twice, expected it once")
        except InputError as error:
            raise InputError(f"{path}: line {number}: {error}") from error
        found[structure.value] = structure
    highest = max(found, default=0)
    if highest == 0:
        raise InputError(f"names no label except background, expected {_SNAP_EXPECTED}")
    values = range(1, highest + 1)
    table = LabelTable(tuple(found.get(v, Structure(v, f"unused {v}")) for v in values))
    return LabelNames(own_table_of(table), placeholders=tuple(v for v in values if v not in found))


def _snap_structure(line: str) -> Structure:
    match = _SNAP_ROW.fullmatch(line)
    if match is None:
        raise InputError(f"found '{line[:80]}', expected {_SNAP_EXPECTED}")
    value, red, green, blue = (int(text) for text in match.groups()[:4])
    if max(red, green, blue) > 255:
        raise InputError(f"colour is {red} {green} {blue}, expected values of 0 to 255")
    if value > MAX_STRUCTURES:
        raise InputError(f"value is {value}, expected at most {MAX_STRUCTURES}")
    name = match[5].strip()
    if not name:
        raise InputError(f"value {value} has an empty name, expected a text")
    return Structure(value, name, color_rgb=(red, green, blue))


def _snap_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines that are neither empty nor comments, with their numbers from 1."""
    try:
        text = read_small_file(path, "an ITK-SNAP label description").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text, expected {_SNAP_EXPECTED}") from error
    return _rows(text)


def _rows(text: str) -> list[tuple[int, str]]:
    lines = (
        (number, line.strip())
        for number, line in enumerate(
            text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1
        )
    )
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _limited(table: LabelTable) -> LabelTable:
    if not 1 <= len(table) <= MAX_STRUCTURES:
        raise InputError(
            f"found {count_text(len(table), 'structure')}, expected 1 to {MAX_STRUCTURES}"
        )
    return table
