"""Add corrected cases to a data set, one at a time, without the patient's identity."""

import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.anatomy import LabelTable
from amcnet.data.case_properties import image_digest
from amcnet.data.label_files import LabelNames, read_dataset_json, read_label_file, table_of_names
from amcnet.errors import InputError, OutputError
from amcnet.io import (
    BY_HEADER,
    Reading,
    atomic_path,
    labels_on_grid,
    read_segments,
    write_image,
    write_labels,
)
from amcnet.io.atomic_files import write_atomically
from amcnet.io.file_lock import LOCK_FILE, held_lock
from amcnet.labelmaps.validation import looks_like_labels

NOTES_FILE = "corrections.json"

_DESCRIPTION = "dataset.json"
_ENDING = ".nrrd"
_OUR_NAME = re.compile(r"case_\d{4}")
_LONGEST_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Correction:
    """Manual corrections of the labels of a case.

    Attributes:
        corrected: Names of the structures that were corrected.
        unsure: Names of the uncertain structures, whose voxels get the ignore label.

    Example:
        >>> Correction(corrected=["lunate"], unsure=["capitate"]).unsure
        ['capitate']
    """

    corrected: Collection[str] = ()
    unsure: Collection[str] = ()


def add_case(
    image: Path,
    labels: Path,
    folder: Path,
    correction: Correction = Correction(),
    label_names: Path | LabelTable | None = None,
    reading: Reading = BY_HEADER,
) -> str:
    """Add an image and its labels to a data set in nnU-Net's layout; both may be of any format.

    New files contain only voxels and grid, under a consecutive name (``case_0001``), because header
    fields and file names may identify a patient. The corrections are recorded in
    ``corrections.json``. An image that is already in the data set keeps its name; its labels are
    replaced.

    Args:
        image: The image.
        labels: Its labels; the file's segment names must be known.
        folder: The data set, created if needed.
        correction: The corrected and the uncertain structures.
        label_names: Meaning of the label values, for the first case of a data set: a
            ``dataset.json``, an ITK-SNAP label description, or the label table of the model that
            made the labels. By default, the segment names of the first case.
        reading: How both files are read.

    Returns:
        The name of the case.

    Raises:
        InputError: If the files cannot be read, do not lie on one grid, or hold structures that are
            unknown to the data set.
        OutputError: If the data set cannot be written to.

    Example:
        >>> from amcnet.io import Geometry
        >>> image = np.arange(512, dtype=np.uint16).reshape(8, 8, 8)
        >>> grid = Geometry.canonical(image.shape, (1.0, 1.0, 1.0))
        >>> write_image("scan of Anna.nrrd", image, grid)
        >>> labels = (image > 255).astype(np.uint8)
        >>> write_labels("Anna.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> add_case(Path("scan of Anna.nrrd"), Path("Anna.seg.nrrd"), Path("knees"))
        'case_0001'
        >>> sorted(path.name for path in Path("knees").rglob("case*"))
        ['case_0001.nrrd', 'case_0001_0000.nrrd']
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        busy = f"{folder}: another command is adding a case, try again when it has finished"
        with held_lock(folder / LOCK_FILE, busy, _LONGEST_WAIT_SECONDS):
            return _add(image, labels, folder, correction, label_names, reading)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{folder}: could not be written to ({reason})") from error


def _add(
    image: Path,
    labels: Path,
    folder: Path,
    correction: Correction,
    label_names: Path | LabelTable | None,
    reading: Reading,
) -> str:
    names = _names_of(folder, labels, label_names)
    table = names.table
    ignore_value = len(table) + 1 if names.ignore_value is None else names.ignore_value
    known = {structure.name: structure.value for structure in table}
    _check_segments(labels, table)
    for name in (*correction.corrected, *correction.unsure):
        if name not in known:
            raise InputError(f"structure '{name}' is unknown, expected one of {', '.join(known)}")
    if both := sorted({*correction.corrected} & {*correction.unsure}):
        raise InputError(
            f"structure '{both[0]}' is both corrected and unsure, expected only one of them"
        )
    volume = reading.volume(image)
    if looks_like_labels(volume.array):
        raise InputError(f"{image}: holds labels, expected first the scan and then its labels")
    read = reading.labels(labels, table, ignore_value)
    array = labels_on_grid(read, volume.geometry)
    unsure = [known[name] for name in correction.unsure]
    array = np.where(np.isin(array, unsure), ignore_value, array)
    # one more structure, so that the writer accepts the ignore label as a value
    written = LabelTable.from_names([*(s.name for s in table), "ignore"])
    if ignore_value != len(written):
        raise InputError(
            f"{folder}: its ignore label is {ignore_value}, expected {len(written)}, the value "
            "after the last structure"
        )
    notes = _read_notes(folder)
    digest = image_digest(volume.array)
    # Data sets of earlier versions have the digest of the stored bytes.
    digests = (digest, blake2b(volume.array.tobytes(), digest_size=16).hexdigest())
    case = next((name for name, note in notes.items() if note.get("image") in digests), None)
    case = case or _next_name(folder)
    for sub in ("imagesTr", "labelsTr"):
        (folder / sub).mkdir(exist_ok=True)
    cases = _count_cases(folder)
    is_new = not _image_path(folder, case).exists()
    note = {
        "corrected": sorted(correction.corrected),
        "unsure": sorted(correction.unsure),
        "image": digest,
    }
    stored = array.astype(np.uint8) if ignore_value < 256 else array.astype(np.uint16)
    _write_description(folder, table, ignore_value, cases + is_new)
    _write_json(folder / NOTES_FILE, notes | {case: note})
    try:
        # Both are written before either is renamed, so that no incomplete case remains.
        with (
            atomic_path(_label_path(folder, case)) as label_path,
            atomic_path(_image_path(folder, case)) as image_path,
        ):
            write_image(image_path, volume.array, volume.geometry)
            write_labels(label_path, stored, volume.geometry, written)
    except OutputError:
        with suppress(OutputError):  # the disk may be full
            _write_description(folder, table, ignore_value, cases)
            _write_json(folder / NOTES_FILE, notes)
        raise
    return case


def _names_of(folder: Path, labels: Path, given: Path | LabelTable | None) -> LabelNames:
    """Return the label names of the data set, or of its first case."""
    description = folder / _DESCRIPTION
    if description.exists():
        ending = read_dataset_json(description, ("labels", "file_ending"))["file_ending"]
        if ending != _ENDING:
            raise InputError(f"{description}: file_ending is {ending!r}, expected '{_ENDING}'")
        names = read_label_file(description)
        other = read_label_file(given).table if isinstance(given, Path) else given
        if other is not None and other.values_by_name != names.table.values_by_name:
            source = given if isinstance(given, Path) else "the model"
            raise InputError(f"{source}: names different structures from {description}")
        return names
    if isinstance(given, LabelTable):
        return LabelNames(given)
    if given is not None:
        return read_label_file(given)
    segments = [segment.name for segment in read_segments(labels) or ()]
    if not segments:
        raise InputError(
            f"{labels}: does not name its structures, expected names by --labels (a dataset.json "
            "or an ITK-SNAP label description) or --model for the first case of a data set"
        )
    return LabelNames(table_of_names(name for name in segments if name != "ignore"))


def _check_segments(labels: Path, table: LabelTable) -> None:
    known = {structure.name for structure in table} | {"ignore"}
    unknown = [s.name for s in read_segments(labels) or () if s.name not in known]
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown)
        raise InputError(f"{labels}: holds {listed}, which are unknown to the data set")


def _image_path(folder: Path, case: str) -> Path:
    return folder / "imagesTr" / f"{case}_0000{_ENDING}"


def _label_path(folder: Path, case: str) -> Path:
    return folder / "labelsTr" / f"{case}{_ENDING}"


def _next_name(folder: Path) -> str:
    """Return the name of the next case: an unused one, or that of an interrupted addition.

    The note of a case is written before its files, so an incomplete case with a note is an
    interrupted addition.
    """
    notes = folder / NOTES_FILE
    for case in read_dataset_json(notes, ()) if notes.exists() else ():
        halves = (_image_path(folder, case).exists(), _label_path(folder, case).exists())
        if _OUR_NAME.fullmatch(case) and not all(halves):
            for path in (_image_path(folder, case), _label_path(folder, case)):
                path.unlink(missing_ok=True)
            return case
    used = {path.name for sub in ("imagesTr", "labelsTr") for path in (folder / sub).glob("case_*")}
    numbers = [int(name[5:9]) for name in used if name[5:9].isdecimal()]
    return f"case_{max(numbers, default=0) + 1:04d}"


def _count_cases(folder: Path) -> int:
    images = (folder / "imagesTr").glob(f"*_0000{_ENDING}")
    return sum(not path.name.startswith(".") for path in images)


def _write_description(folder: Path, table: LabelTable, ignore_value: int, cases: int) -> None:
    path = folder / _DESCRIPTION
    kept: dict[str, Any] = read_dataset_json(path, ()) if path.exists() else {}
    labels = table.values_by_name | {"ignore": ignore_value}
    content = {"channel_names": {"0": "image"}, **kept}
    content |= {"labels": labels, "file_ending": _ENDING, "numTraining": cases}
    _write_json(path, content)


def _read_notes(folder: Path) -> dict[str, Any]:
    """Return the recorded information on each case, by name."""
    path = folder / NOTES_FILE
    notes = read_dataset_json(path, ()) if path.exists() else {}
    return {name: note for name, note in notes.items() if isinstance(note, dict)}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
