"""Write each structure of a segmentation as a binary mask in a file of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from amcnet.anatomy import LabelTable
from amcnet.errors import OutputError
from amcnet.inference import Segmentation
from amcnet.io import LABEL_EXTENSIONS, find_extension, write_labels
from amcnet.io.atomic_files import check_parent
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.labelmaps.selection import mask_names

MASK_EXTENSION = ".nii.gz"


def write_each(
    result: Segmentation,
    folder: str | Path,
    extension: str = MASK_EXTENSION,
    overwrite: bool = False,
) -> list[Path]:
    """Write a binary mask (uint8, 0 and 1) of every structure found, or nothing on failure.

    Args:
        result: The segmentation.
        folder: Folder for one ``NAME_OF_THE_STRUCTURE.EXT`` per structure, created in an existing
            parent.
        extension: One of :data:`amcnet.io.LABEL_EXTENSIONS`.
        overwrite: Replace the existing masks in the folder, as a whole.

    Returns:
        The files, in the order of the label values.

    Raises:
        OutputError: If the folder cannot be written, see :func:`check_mask_folder`.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import hand_label_table
        >>> from amcnet.io import Geometry
        >>> labels = np.full((2, 3, 4), 14, np.uint8)
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> result = Segmentation(labels, grid, hand_label_table(), {14: 0.9}, "", {})
        >>> [path.name for path in write_each(result, "masks")]
        ['second_metacarpal_bone.nii.gz']
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
        put_in_place(partial, folder, overwrite)
    return written


def check_mask_folder(folder: Path, table: LabelTable, extension: str, overwrite: bool) -> None:
    """Check, before any work, that :func:`write_each` can write to a folder.

    Raises:
        OutputError: If the extension is unknown, the parent does not exist or is read-only, the
            folder is a file, contains masks while ``overwrite`` is False, or contains other files.
    """
    if extension not in LABEL_EXTENSIONS:
        allowed = " ".join(LABEL_EXTENSIONS)
        raise OutputError(f"{folder}: found file type '{extension}', expected one of {allowed}")
    check_parent(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder")
    ours = set(mask_names(table).values())
    for path in folder.iterdir() if folder.exists() else ():
        # The folder is replaced as a whole, so it must not contain other files.
        found = find_extension(path, LABEL_EXTENSIONS)
        if found is None or path.is_dir() or path.name[: -len(found)] not in ours:
            raise OutputError(f"{folder}: holds '{path.name}', expected a new or empty folder")
        if not overwrite:
            raise OutputError(f"{folder}: already exists, use --overwrite to replace it")
