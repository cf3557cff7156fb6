"""Labels of the model to be refined, on the fine grid, computed once per case."""

import json
import logging
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import IGNORE
from amcnet.bundle import Bundle
from amcnet.data.checked_zarr import digest_of
from amcnet.data.dataset_layout import Case
from amcnet.data.prepared_store import PreparedCase
from amcnet.errors import InputError, count_text
from amcnet.inference import Segmenter
from amcnet.io.atomic_files import write_atomically
from amcnet.io.input_files import check_regular_file
from amcnet.io.small_files import read_json

logger = logging.getLogger(__name__)

FIRST_STAGE_FOLDER = "first-stage"

_CHECKSUM_FILE = "checksums.json"
_CENTRES = 200  # of each structure
_BETWEEN_LOGS = 20  # cases


def label_path(folder: Path, name: str) -> Path:
    """Return the path of the first stage's labels of a case in a run folder."""
    return folder / FIRST_STAGE_FOLDER / f"{name}.npy"


def centres_path(folder: Path, name: str) -> Path:
    """Return the path of the patch positions of a case in a run folder."""
    return folder / FIRST_STAGE_FOLDER / f"{name}.centres.npy"


def make_first_stage(
    model: Bundle, cases: Iterable[tuple[Case, PreparedCase]], folder: Path
) -> None:
    """Label every case with the model and find the boundaries.

    Cases that are finished and intact are kept: their files have the recorded checksums, and model
    and prepared case are the same.

    Args:
        model: The model to be refined.
        cases: Each case with its prepared form on the fine grid.
        folder: The run folder.
    """
    (folder / FIRST_STAGE_FOLDER).mkdir(parents=True, exist_ok=True)
    finished = _read_finished(folder)
    segmenter: Segmenter | None = None
    for number, (case, prepared) in enumerate(cases):
        origin = _origin(model, prepared)
        if finished.get(case.name) != _digests(folder, case.name, origin):
            if case.name in finished:
                logger.warning("case %s: its labels are lost or outdated, made again", case.name)
            segmenter = segmenter or Segmenter(model.folder, quality="fast")
            segmentation = segmenter(channels=case.images)
            labels = nearest_voxel_labels(segmentation.labels, prepared.shape)
            truth = prepared.slab(0, prepared.shape[0])[1]
            _save(label_path(folder, case.name), labels)
            _save(centres_path(folder, case.name), boundary_centres(truth, labels))
            finished[case.name] = _digests(folder, case.name, origin)
            _write_finished(folder, finished)
        if number % _BETWEEN_LOGS == 0:
            logger.info("the first stage has labelled %s", count_text(number + 1, "case"))


def read_first_stage(path: Path) -> NDArray[Any]:
    """Open an array of the first stage, memory-mapped.

    Raises:
        InputError: If the file is missing or holds something else.
    """
    try:
        check_regular_file(path, "an array of the first stage")
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("an archive of arrays")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error}), train again with --resume") from error
    return array


def nearest_voxel_labels(
    labels: NDArray[np.uint8], shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return labels on another grid over the same field of view (nearest neighbour)."""
    places = [
        np.minimum(((np.arange(new) + 0.5) * (old / new)).astype(np.intp), old - 1)
        for old, new in zip(labels.shape, shape, strict=True)
    ]
    return labels[np.ix_(*places)]


def boundary_centres(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return voxels on the boundaries of every structure, in the reference and in the prediction.

    Returns:
        int16 (voxel, 4): label value and position (scan, lateral, depth), sorted by value; at most
        a few hundred of each structure, evenly spread over its boundary.
    """
    centres = []
    for labels in (truth, found):
        values = labels.copy()
        values[labels == IGNORE] = 0
        edge = np.zeros(labels.shape, bool)
        for axis in range(3):
            differs = np.diff(values, axis=axis) != 0
            first = [slice(None)] * 3
            first[axis] = slice(0, -1)
            edge[tuple(first)] |= differs
            first[axis] = slice(1, None)
            edge[tuple(first)] |= differs
        places = np.argwhere(edge & (values > 0))
        of = values[tuple(places.T)]
        for value in np.unique(of):
            own = places[of == value]
            chosen = own[np.linspace(0, len(own) - 1, min(_CENTRES, len(own))).astype(np.intp)]
            centres.append(np.column_stack((np.full(len(chosen), value), chosen)))
    if not centres:
        return np.zeros((0, 4), np.int16)
    rows = np.concatenate(centres).astype(np.int16)
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _save(path: Path, array: NDArray[np.generic]) -> None:
    content = BytesIO()
    np.save(content, array)
    write_atomically(path, content.getvalue())


def _origin(model: Bundle, prepared: PreparedCase) -> str:
    """Return a text that changes with the model and the prepared case."""
    files = model.description.files_digest
    return digest_of(f"{files} {prepared.checksums.model_dump_json()}".encode())


def _digests(folder: Path, name: str, origin: str) -> list[str | None]:
    """Return the origin of a case and the checksums of its files, None where one is missing."""
    paths = (label_path(folder, name), centres_path(folder, name))
    return [origin, *(digest_of(p.read_bytes()) if p.is_file() else None for p in paths)]


def _read_finished(folder: Path) -> dict[str, list[str | None]]:
    """Return the digests of the finished cases; none if the file is missing or damaged."""
    try:
        content = read_json(folder / FIRST_STAGE_FOLDER / _CHECKSUM_FILE, "checksums")
    except InputError:
        return {}
    return content if isinstance(content, dict) else {}


def _write_finished(folder: Path, finished: dict[str, list[str | None]]) -> None:
    write_atomically(folder / FIRST_STAGE_FOLDER / _CHECKSUM_FILE, json.dumps(finished, indent=1))
