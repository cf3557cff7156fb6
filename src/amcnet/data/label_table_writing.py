"""Write the names of label values: ITK-SNAP label descriptions and JSON."""

import json
from pathlib import Path

from amcnet.data.label_files import LabelNames
from amcnet.errors import InputError
from amcnet.io import check_output, find_extension
from amcnet.io.atomic_files import write_atomically

LABEL_FILE_EXTENSIONS = (".txt", ".label", ".json")

_SNAP_HEAD = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
"""


def write_label_file(path: str | Path, names: LabelNames, overwrite: bool = False) -> None:
    """Write a file that :func:`amcnet.data.read_label_file` reads.

    Args:
        path: ``.txt`` or ``.label`` for an ITK-SNAP label description, which has names and colours;
            ``.json`` for the labels of a ``dataset.json``, which has names.
        names: Names of the values. ITK-SNAP has no ignore label; it becomes a label named
            ``ignore``.
        overwrite: Replace an existing file.

    Raises:
        OutputError: If the file cannot be written there.
        InputError: If ITK-SNAP could not read a name.

    Example:
        >>> from amcnet.anatomy import LabelTable
        >>> write_label_file("knee.label", LabelNames(LabelTable.from_names(["femur", "tibia"])))
        >>> Path("knee.label").read_text().splitlines()[-1].split()[-1]
        '"tibia"'
    """
    path = check_output(path, overwrite, LABEL_FILE_EXTENSIONS)
    if find_extension(path, (".json",)) is None:
        text = _SNAP_HEAD + "".join(_snap_rows(path, names))
    else:
        labels = names.table.values_by_name
        if names.ignore_value is not None:
            labels["ignore"] = names.ignore_value
        text = json.dumps({"labels": labels}, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text)


def _snap_rows(path: Path, names: LabelNames) -> list[str]:
    rows = [_snap_row(0, (0, 0, 0), "Clear Label", shown=False)]
    for structure in names.table:
        if structure.value in names.placeholders:
            continue
        if not structure.name.isprintable() or '"' in structure.name:
            raise InputError(
                f"{path}: structure {structure.value} is named {structure.name!r}, expected a "
                "name on one line without quotation marks"
            )
        rows.append(_snap_row(structure.value, structure.color_rgb, structure.name))
    if names.ignore_value is not None:
        rows.append(_snap_row(names.ignore_value, (128, 128, 128), "ignore"))
    return rows


def _snap_row(value: int, color_rgb: tuple[int, int, int], name: str, shown: bool = True) -> str:
    red, green, blue = color_rgb
    numbers = f"{value:5d} {red:5d} {green:4d} {blue:4d}"
    return f'{numbers} {int(shown):8d} {int(shown):2d} {int(shown):2d}    "{name}"\n'
