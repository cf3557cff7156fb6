"""Find the names of the label values of a file.

Names come from the option ``--labels``, else from the file itself (segments of a ``.seg.nrrd`` or a
DICOM SEG), else from a label description in its folder. Values without names are interpreted as a
hand only if they include most of its bones; other files are refused with a request for
``--labels``.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.bundle import find_model, read_description
from amcnet.bundle.description import DESCRIPTION_FILE
from amcnet.bundle.locate import installed_folders
from amcnet.data import LabelNames, read_label_file
from amcnet.data.label_files import looks_like_snap
from amcnet.errors import InputError, one_line
from amcnet.io import (
    BY_HEADER,
    READABLE_EXTENSIONS,
    Reading,
    Volume,
    doubtful_spacing,
    find_extension,
    read_embedded_label_table,
)
from amcnet.io.path_lists import AnyPath, path_list
from amcnet.io.plain_names import plain_name
from amcnet.labelmaps.validation import looks_like_an_image
from amcnet.quality import is_hand_table

_log = logging.getLogger(__name__)

_DATASET = "dataset.json"

_SNAP_SUFFIXES = (".txt", ".label")
# Values 1 to 33 in sequence include 16 of the hand's bones; other numberings include fewer.
_FEWEST_HAND_BONES = 16


def find_label_table(source: str | Path) -> LabelTable:
    """Return the label table of a source, see :func:`find_label_names`."""
    return find_label_names(source).table


def find_label_names(source: str | Path) -> LabelNames:
    """Return the label names of a data set description, a label file or a model.

    Args:
        source: A ``dataset.json``, an ITK-SNAP label description, the folder of a model bundle, its
            ``model.json``, or the name of an installed model.

    Raises:
        InputError: If the file is missing or unusable.
        ModelError: If the model is missing or unusable.

    Example:
        >>> len(find_label_names("hand").table)
        38
    """
    path = Path(source)
    if path.name == DESCRIPTION_FILE:
        return LabelNames(read_description(path.parent).label_table)
    if path.is_dir() or (not path.exists() and str(source) in installed_folders()):
        return LabelNames(read_description(find_model(source)).label_table)
    return read_label_file(path)


def names_of_files(paths: AnyPath | Iterable[AnyPath], reading: Reading = BY_HEADER) -> LabelNames:
    """Return the common label names of files that are used together, such as a pair.

    The first available source applies: names in the files themselves, a label description in the
    folder of one of them, values that include most bones of a hand. If several files contain names,
    the table lists the names of all.

    Args:
        paths: Label files, or one file.
        reading: How they are read.

    Raises:
        InputError: If a file cannot be read, or its values have no names.

    Example:
        >>> import numpy as np
        >>> from amcnet.io import Geometry, write_labels
        >>> grid = Geometry.canonical((4, 4, 4), (1.0, 1.0, 1.0))
        >>> labels = np.ones((4, 4, 4), np.uint8)
        >>> write_labels("knee.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> names_of_files([Path("knee.seg.nrrd")]).table[1].name
        'femur'
    """
    files = list(path_list(paths))
    tables = [table for path in files if (table := _table_or_none(path)) is not None]
    if tables:
        return LabelNames(_union(tables))
    for path in files:
        if (beside := _description_beside(path)) is not None:
            return read_label_file(beside)
    if any(_holds_a_hand(path, files, reading) for path in files):
        return LabelNames(hand_label_table())
    _refuse_image(files[0], reading)
    raise InputError(
        f"{files[0]}: does not say what its label values mean, expected --labels (a dataset.json, "
        "an ITK-SNAP label description or a model; 'hand' for the 38 structures of the hand)"
    )


def read_label_file_with_names(
    path: Path, names: LabelNames | None = None, reading: Reading = BY_HEADER
) -> tuple[Volume, LabelNames]:
    """Read a label file together with the names of its labels.

    Args:
        path: The file.
        names: Label names; by default from the file, see :func:`names_of_files`.
        reading: How the file is read.

    Raises:
        InputError: If the file cannot be read, is an image instead of a label map, or its values
            have no names.
    """
    names = names_of_files([path], reading) if names is None else names
    return read_known_labels(path, names, reading), names


def read_known_labels(path: Path, names: LabelNames, reading: Reading = BY_HEADER) -> Volume:
    """Read labels with known names; refuse an image with a clear message.

    An implausible voxel size for the scan of a hand is reported in the log: sizes in mm would be
    wrong.

    Raises:
        InputError: If the file cannot be read, is an image, or has other labels.
    """
    try:
        volume = reading.labels(path, names.table, names.ignore_value)
    except InputError:
        _refuse_image(path, reading)
        raise
    if reading.spacing_mm is None and is_hand_table(names.table):
        doubt = doubtful_spacing(volume.geometry, may_be_cropped=True)
        if doubt is not None:
            _log.warning("%s: %s", one_line(f"{path}"), doubt)
    return volume


def _refuse_image(path: Path, reading: Reading) -> None:
    """Refuse a file that holds intensities; do nothing for a file that cannot be read."""
    try:
        array = reading.volume(path).array
    except InputError:
        return
    if looks_like_an_image(array):
        raise InputError(
            f"{path}: is an image (intensities from {array.min():g} to {array.max():g}), expected "
            "a label map, such as a .seg.nrrd"
        )


def _table_or_none(path: Path) -> LabelTable | None:
    """Return the table of a file; None for a damaged file, which is reported when it is read."""
    try:
        return read_embedded_label_table(path)
    except InputError:
        return None


def _union(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the first table with the names of the others added."""
    structures: list[Structure] = list(tables[0])
    known = {plain_name(structure.name) for structure in structures}
    for structure in (s for table in tables[1:] for s in table):
        if plain_name(structure.name) not in known:
            known.add(plain_name(structure.name))
            structures.append(
                Structure(
                    len(structures) + 1,
                    structure.name,
                    color_rgb=structure.color_rgb,
                    codes=structure.codes,
                )
            )
    return LabelTable(tuple(structures))


def _description_beside(path: Path) -> Path | None:
    """Return the label description with the file's name, or that of its data set."""
    if not path.is_file():
        return None
    extension = find_extension(path, READABLE_EXTENSIONS) or path.suffix
    stem = path.name[: len(path.name) - len(extension)]
    for suffix in _SNAP_SUFFIXES:
        if (own := path.with_name(stem + suffix)).is_file() and looks_like_snap(own):
            return own
    folders = [path.parent]
    if path.parent.name.lower().startswith("labels"):  # labelsTr and similar folders of nnU-Net
        folders.append(path.parent.parent)
    return next((f / _DATASET for f in folders if (f / _DATASET).is_file()), None)


def _holds_a_hand(path: Path, files: Sequence[Path], reading: Reading) -> bool:
    """Return whether the values alone identify a hand: they include most of its bones.

    A damaged file is ignored here and reported when it is read.
    """
    hand = hand_label_table()
    try:
        values = set(np.unique(reading.labels(path).array).tolist()) - {0}
    except InputError:
        if len(files) == 1:
            _refuse_image(path, reading)
            raise
        return False
    bones = values & set(hand.values_of_kind("bone"))
    return max(values, default=0) <= len(hand) and len(bones) >= _FEWEST_HAND_BONES
