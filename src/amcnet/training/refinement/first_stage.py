"""Labels of the model to be refined, on the fine grid, computed once per case."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import IGNORE
from amcnet.data.dataset_layout import Case
from amcnet.data.prepared_store import PreparedCase
from amcnet.inference import Segmenter
from amcnet.io import atomic_path

logger = logging.getLogger(__name__)

FIRST_STAGE_FOLDER = "first-stage"

_CENTRES = 200  # of each structure
_BETWEEN_LOGS = 20  # cases


def label_path(folder: Path, name: str) -> Path:
    """Return the path of the first stage's labels of a case in a run folder."""
    return folder / FIRST_STAGE_FOLDER / f"{name}.npy"


def centres_path(folder: Path, name: str) -> Path:
    """Return the path of the patch positions of a case in a run folder."""
    return folder / FIRST_STAGE_FOLDER / f"{name}.centres.npy"


def make_first_stage(model: str, cases: Iterable[tuple[Case, PreparedCase]], folder: Path) -> None:
    """Label every case with the model and find the boundaries; skip finished cases.

    Args:
        model: The model to be refined.
        cases: Each case with its prepared form on the fine grid.
        folder: The run folder.
    """
    (folder / FIRST_STAGE_FOLDER).mkdir(parents=True, exist_ok=True)
    segmenter: Segmenter | None = None
    for number, (case, prepared) in enumerate(cases):
        labels_file, centres_file = label_path(folder, case.name), centres_path(folder, case.name)
        if not labels_file.is_file():
            segmenter = segmenter or Segmenter(model, quality="fast")
            segmentation = segmenter(channels=case.images)
            _save(labels_file, nearest_voxel_labels(segmentation.labels, prepared.shape))
        if not centres_file.is_file():
            truth = prepared.slab(0, prepared.shape[0])[1]
            _save(centres_file, boundary_centres(truth, np.load(labels_file)))
        if number % _BETWEEN_LOGS == 0:
            logger.info("the first stage has labelled %d cases", number + 1)


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
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
