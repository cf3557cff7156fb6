"""Cases on the network's grid, prepared once and kept in the run folder."""

import hashlib
import logging
from pathlib import Path

import numpy as np

from amcnet.data.layout import Case, Dataset
from amcnet.data.patches import PreparedCase
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.resampling import resample_labels
from amcnet.errors import InputError
from amcnet.io import atomic_path, read_labels, read_volume, same_grid

logger = logging.getLogger(__name__)


def prepare_cases(
    dataset: Dataset, preprocessing: Preprocessing, folder: Path
) -> tuple[PreparedCase, ...]:
    """Return every case of a data set on the network's grid.

    Args:
        dataset: The data set; its files are only read.
        preprocessing: What is done to each volume.
        folder: Where prepared cases are kept; a case whose files or settings change is made anew.

    Raises:
        InputError: If a file cannot be used, or image and labels lie on different grids.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for number, case in enumerate(dataset.cases, start=1):
        path = folder / f"{case.name}-{_fingerprint(case, preprocessing)}.npz"
        if not path.exists():
            logger.info("preparing %s (%d of %d)", case.name, number, len(dataset.cases))
            image, labels = _prepare(case, dataset, preprocessing)
            with atomic_path(path) as temporary:
                np.savez(temporary, image=image, labels=labels)
        with np.load(path) as arrays:
            cases.append(PreparedCase(case.name, arrays["image"], arrays["labels"]))
    return tuple(cases)


def _fingerprint(case: Case, preprocessing: Preprocessing) -> str:
    """Return a text that changes with the files of a case and with what is done to them."""
    parts = [preprocessing.model_dump_json()]
    for path in (*case.images, case.labels):
        status = path.stat()
        parts += [str(path.resolve()), str(status.st_size), str(status.st_mtime_ns)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _prepare(
    case: Case, dataset: Dataset, preprocessing: Preprocessing
) -> tuple[np.ndarray, np.ndarray]:
    volume = read_volume(case.images[0])
    labels = read_labels(case.labels, dataset.table)
    difference = same_grid(volume.geometry, labels.geometry)
    if difference is not None:
        raise InputError(f"{case.labels}: does not lie on the grid of its image: {difference}")
    image = preprocessing.apply(volume.array, volume.spacing_mm).astype(np.float16)
    return image, resample_labels(labels.array, image.shape)


def split_cases(
    cases: tuple[PreparedCase, ...], validation_fraction: float, seed: int
) -> tuple[tuple[PreparedCase, ...], tuple[PreparedCase, ...]]:
    """Split cases at random, by the seed, into (training, validation)."""
    count = round(len(cases) * validation_fraction)
    order = np.random.default_rng(seed).permutation(len(cases))
    held_out = set(order[:count].tolist())
    training = tuple(case for i, case in enumerate(cases) if i not in held_out)
    return training, tuple(cases[i] for i in sorted(held_out))
