"""Some structures of a segmentation: these alone, or each as a mask in a file of its own."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError, OutputError
from amcnet.inference.segmentation import Segmentation
from amcnet.io import LABEL_EXTENSIONS, find_extension, write_labels
from amcnet.io.dicom import SegType
from amcnet.io.files import check_parent
from amcnet.io.folders import new_folder, put_in_place

MASK_EXTENSION = ".nii.gz"


@dataclass(frozen=True)
class SelectedSegmentation(Segmentation):
    """A segmentation that was restricted to some structures; values and table are as before.

    Attributes:
        kept: Values of these structures, in ascending order, found or not.
    """

    kept: tuple[int, ...] = ()

    def write(
        self, path: str | Path, overwrite: bool = False, seg_type: SegType = "binary"
    ) -> None:
        """Write the labels; segmentations list the structures that were kept only."""
        write_labels(path, self.labels, self.geometry, self.table, overwrite, self.kept, seg_type)


def find_structures(table: LabelTable, names: Iterable[str]) -> tuple[int, ...]:
    """Return the values of structures that are named one by one, by kind or by group.

    Args:
        table: Any label table.
        names: Names of structures, kinds (``bone`` or ``bones``) and groups (``thumb``); also
            several in one text, separated by commas. Case does not count, and ``_`` is a space.

    Returns:
        The values, ascending, each once.

    Raises:
        InputError: If a name is unknown, or none is given.
    """
    known = _values_by_name(table)
    found: set[int] = set()
    for name in _separate(names, known):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3)
            expected = " or ".join(f"'{match}'" for match in close) or "one of its structures"
            raise InputError(f"'{name}' is not in the model's label table, expected {expected}")
        found |= known[name]
    if not found:
        raise InputError("no structures were named, expected at least one")
    return tuple(sorted(found))


def keep_only(result: Segmentation, names: Iterable[str]) -> Segmentation:
    """Return a segmentation with some structures only; all others become background.

    Args:
        result: The segmentation; it stays as it is.
        names: See :func:`find_structures`.

    Raises:
        InputError: If a name is unknown.
    """
    kept = find_structures(result.table, names)
    lookup = np.zeros(np.iinfo(result.labels.dtype).max + 1, result.labels.dtype)
    lookup[list(kept)] = kept
    parts = {field.name: getattr(result, field.name) for field in fields(Segmentation)}
    parts["labels"] = lookup[result.labels]
    parts["confidence"] = {v: mean for v, mean in result.confidence.items() if v in kept}
    return SelectedSegmentation(**parts, kept=kept)


def write_each(
    result: Segmentation,
    folder: str | Path,
    extension: str = MASK_EXTENSION,
    overwrite: bool = False,
) -> list[Path]:
    """Write a binary mask (uint8, 0 and 1) of every structure that was found; all or none.

    Args:
        result: The segmentation.
        folder: Gets ``NAME_OF_THE_STRUCTURE.EXT`` for each; it is made, its parent exists.
        extension: One of :data:`amcnet.io.LABEL_EXTENSIONS`.
        overwrite: Replace the masks that are in the folder, as a whole.

    Returns:
        The files, in the order of the label values.

    Raises:
        OutputError: If the folder cannot be written, see :func:`check_mask_folder`.
    """
    folder = Path(folder).resolve()
    check_mask_folder(folder, result.table, extension, overwrite)
    names = mask_names(result.table)
    written = []
    with new_folder(folder) as partial:
        for value in sorted(result.confidence):
            table = LabelTable((replace(result.table[value], value=1, neighbours=()),))
            mask = (result.labels == value).astype(np.uint8)
            write_labels(partial / f"{names[value]}{extension}", mask, result.geometry, table)
            written.append(folder / f"{names[value]}{extension}")
        put_in_place(partial, folder)
    return written


def check_mask_folder(folder: Path, table: LabelTable, extension: str, overwrite: bool) -> None:
    """Check, before any work, that :func:`write_each` can write to a folder.

    Raises:
        OutputError: If the extension is unknown, the parent does not exist or is read-only, the
            folder is a file, holds masks and ``overwrite`` is False, or holds anything else.
    """
    if extension not in LABEL_EXTENSIONS:
        allowed = " ".join(LABEL_EXTENSIONS)
        raise OutputError(f"{folder}: found file type '{extension}', expected one of {allowed}")
    check_parent(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder")
    ours = set(mask_names(table).values())
    for path in folder.iterdir() if folder.exists() else ():
        # The folder is replaced as a whole: nothing else may get lost.
        found = find_extension(path, LABEL_EXTENSIONS)
        if found is None or path.is_dir() or path.name[: -len(found)] not in ours:
            raise OutputError(f"{folder}: holds '{path.name}', expected a new or empty folder")
        if not overwrite:
            raise OutputError(f"{folder}: already exists, use --overwrite to replace it")


def mask_names(table: LabelTable) -> dict[int, str]:
    """Return a file name, without extension, for the value of every structure."""
    plain = {s.value: re.sub(r"[^\w.-]+", "_", s.name).strip("._") for s in table}
    taken = [name.casefold() for name in plain.values()]
    return {
        value: name if name and taken.count(name.casefold()) == 1 else f"{name}_{value}"
        for value, name in plain.items()
    }


def _separate(names: Iterable[str], known: dict[str, set[int]]) -> list[str]:
    """Return the names in plain form; a comma separates unless it is part of a known name."""
    plain = []
    for text in names:
        parts = [text] if _plain(text) in known else text.split(",")
        plain += [_plain(part) for part in parts if part.strip()]
    return plain


def _values_by_name(table: LabelTable) -> dict[str, set[int]]:
    known: dict[str, set[int]] = {}
    for structure in table:
        kind, group = _plain(structure.kind), _plain(structure.group)
        for name in {kind, _plural(kind), group} - {""}:
            known.setdefault(name, set()).add(structure.value)
    # A name means one structure, even where a kind or group is called the same.
    return known | {_plain(structure.name): {structure.value} for structure in table}


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _plural(kind: str) -> str:
    if not kind:
        return ""
    return f"{kind[:-2]}es" if kind.endswith("is") else f"{kind}s"
