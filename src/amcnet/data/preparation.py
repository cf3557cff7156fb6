"""Resample every case of a data set to the network's grid once and store it on disk."""

import hashlib
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import IGNORE
from amcnet.data.channels import network_input
from amcnet.data.dataset_layout import Case, Dataset
from amcnet.data.prepared_store import (
    CASE_FOLDER,
    DESCRIPTION_FILE,
    FORMAT,
    PreparedDataset,
    PreparedDescription,
    case_folder,
    checksum_of_case,
    is_up_to_date,
    open_prepared,
    write_prepared_case,
    write_prepared_description,
)
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.resampling import resample_labels
from amcnet.errors import InputError, count_text
from amcnet.io import BY_HEADER, Geometry, labels_on_grid
from amcnet.io.geometry import Triple
from amcnet.parallel import Progress, map_in_processes, no_progress


def prepare_dataset(
    dataset: Dataset,
    preprocessing: Preprocessing,
    folder: Path,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> PreparedDataset:
    """Resample every case of a data set to the network's grid and store it.

    An existing case is prepared again only if its files or the settings have changed, or if it is
    damaged (all checksums are verified), so an interrupted call can be repeated. Cases that are no
    longer in the data set are removed.

    Args:
        dataset: The data set; its files are only read.
        preprocessing: Resampling and normalisation of each volume.
        folder: Output folder of the prepared data set; it is created.
        jobs: Number of processes; each holds one volume in memory.
        progress: Called with (cases done, number of cases to prepare).

    Raises:
        InputError: If a file is unusable, images and labels lie on different grids, or the
            normalisation is for another number of channels.
    """
    how = preprocessing.normalisation
    if isinstance(how, tuple) and len(how) != len(dataset.channels):
        raise InputError(
            f"preprocessing.normalisation is for {count_text(len(how), 'channel')}, expected "
            f"{len(dataset.channels)} as in {dataset.folder}"
        )
    (folder / CASE_FOLDER).mkdir(parents=True, exist_ok=True)
    settings = _Settings(dataset, preprocessing, folder)
    origins = [(case, _origin(case, settings)) for case in dataset.cases]
    up_to_date = map_in_processes(partial(_is_up_to_date, settings), origins, jobs)
    missing = [made_from for made_from, done in zip(origins, up_to_date, strict=True) if not done]
    if missing:
        # An interrupted call must not leave a mixture of old and new cases that counts as complete.
        # If all cases exist, a training that is reading them is not disturbed.
        (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
    map_in_processes(partial(_prepare_case, settings), missing, jobs, progress)
    description = PreparedDescription(
        labels=dataset.table.to_dicts(),
        channels=dataset.channels,
        preprocessing=preprocessing,
        cases={case.name: checksum_of_case(settings.path(case)) or "" for case in dataset.cases},
    )
    write_prepared_description(folder, description)
    _remove_other_cases(folder / CASE_FOLDER, dataset)
    return open_prepared(folder)


def _remove_other_cases(folder: Path, dataset: Dataset) -> None:
    """Remove cases that are no longer in the data set, and partial ones of an interrupted call."""
    names = {f"{case.name}.zarr" for case in dataset.cases}
    for path in folder.glob("*.zarr*"):
        if path.name not in names:
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class _Settings:
    dataset: Dataset
    preprocessing: Preprocessing
    folder: Path

    def path(self, case: Case) -> Path:
        """Return the folder of a case."""
        return case_folder(self.folder, case.name)


def _is_up_to_date(settings: _Settings, made_from: tuple[Case, str]) -> bool:
    case, origin = made_from
    return is_up_to_date(settings.path(case), origin)


def _prepare_case(settings: _Settings, made_from: tuple[Case, str]) -> None:
    """Prepare a case; its origin is computed before its files are read, to notice later changes."""
    case, origin = made_from
    volumes = [settings.dataset.reading.volume(file) for file in case.images]
    geometry = volumes[0].geometry
    image = network_input(volumes, settings.preprocessing)
    del volumes  # full-size volumes take gigabytes
    labels = _read_labels(case, settings.dataset, geometry)
    resampled = resample_labels(labels, image.shape[1:])
    write_prepared_case(
        settings.path(case), image, resampled, settings.dataset.table.num_classes, origin
    )


def _origin(case: Case, settings: _Settings) -> str:
    """Return a digest that covers the files of a case and the settings used to prepare them."""
    dataset = settings.dataset
    parts = [str(FORMAT), settings.preprocessing.model_dump_json()]
    parts += [str(dataset.table), str(dataset.ignore_value)]
    if dataset.reading != BY_HEADER:  # otherwise cases of earlier versions stay up to date
        parts.append(str(dataset.reading))
    for path in (*case.images, case.labels):
        status = path.stat()
        parts += [str(path.resolve()), str(status.st_size), str(status.st_mtime_ns)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def read_case_labels(case: Case, dataset: Dataset) -> tuple[NDArray[np.uint8], Triple]:
    """Return the labels of a case (scan, lateral, depth) and their spacing in mm.

    Raises:
        InputError: If a file is unusable, or image and labels lie on different grids.
    """
    geometry = dataset.reading.volume(case.images[0]).geometry
    return _read_labels(case, dataset, geometry), geometry.spacing_mm


def _read_labels(case: Case, dataset: Dataset, geometry: Geometry) -> NDArray[np.uint8]:
    """Return labels on the image's grid; the ignore label becomes :data:`IGNORE`."""
    ignore_value = dataset.ignore_value
    labels = dataset.reading.labels(case.labels, dataset.table, ignore_value)
    try:
        array = labels_on_grid(labels, geometry)
    except InputError as error:
        raise InputError(f"{case.labels}: {error}") from error
    if ignore_value is not None:
        array = np.where(array == ignore_value, IGNORE, array)
    return array.astype(np.uint8, copy=False)
