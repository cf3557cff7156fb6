"""Phantom data sets in the nnU-Net raw layout, which is the data set format of this project."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from amcnet.anatomy import hand_label_table
from amcnet.errors import ConfigError, OutputError
from amcnet.io import Geometry, atomic_path, make_folder, write_image, write_labels
from amcnet.phantom.grid import NETWORK_GRID, Grid
from amcnet.phantom.phantom import make_phantom

FILE_ENDING = ".nrrd"
_DATASET_NAME = "amcnet phantom"


def case_name(seed: int) -> str:
    """Return the name of the case of a seed."""
    return f"hand_{seed:06d}"


def write_dataset(
    out: Path,
    count: int,
    seed: int,
    grid: Grid = NETWORK_GRID,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Write phantoms of the seeds ``seed`` to ``seed + count - 1`` as one data set.

    A case whose files are there already is not made again, so an interrupted call can be repeated.
    The bytes depend on the seed and the grid alone, not on the number of processes.

    Args:
        out: Folder to write to; it is made, its parent must exist.
        count: Number of cases, at least 1.
        seed: Seed of the first case.
        grid: The voxel grid, :data:`NETWORK_GRID` or :data:`FULL_GRID` for the paper's device.
        jobs: Number of processes.
        progress: Called with (cases done, cases in all).

    Returns:
        The names of the cases.

    Raises:
        ConfigError: If an argument is out of range.
        OutputError: If the parent folder does not exist, or ``out`` is a file.
    """
    _check_arguments(count, seed, jobs)
    make_folder(out)
    _check_is_ours(out / "dataset.json")
    for folder in ("imagesTr", "labelsTr", "parameters"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    seeds = range(seed, seed + count)
    _make_cases(out, seeds, grid, jobs, progress)
    _write_description(out)
    return [case_name(s) for s in seeds]


def write_case(out: Path, seed: int, grid: Grid) -> None:
    """Write image, labels and parameters of one phantom into a data set's folders."""
    name = case_name(seed)
    image_path = out / "imagesTr" / f"{name}_0000{FILE_ENDING}"
    label_path = out / "labelsTr" / f"{name}{FILE_ENDING}"
    parameters = out / "parameters" / f"{name}.json"
    if image_path.exists() and label_path.exists() and parameters.exists():
        shape = json.loads(parameters.read_text(encoding="utf-8")).get("shape")
        if shape != list(grid.shape):
            raise OutputError(
                f"{parameters}: the case has {shape} voxels, expected {list(grid.shape)}: "
                "choose another folder for another grid"
            )
        return
    phantom = make_phantom(seed, grid)
    geometry = Geometry.canonical(phantom.image.shape, phantom.spacing_mm)
    write_image(image_path, phantom.image, geometry, overwrite=True)
    write_labels(label_path, phantom.labels, geometry, hand_label_table(), overwrite=True)
    # Written last: its presence says that the case is complete.
    with atomic_path(parameters) as temporary:
        temporary.write_text(json.dumps(phantom.description(), indent=1), encoding="utf-8")


def _check_arguments(count: int, seed: int, jobs: int) -> None:
    if count < 1:
        raise ConfigError(f"count: found {count}, expected at least 1")
    if seed < 0:
        raise ConfigError(f"seed: found {seed}, expected 0 or greater")
    if jobs < 1:
        raise ConfigError(f"jobs: found {jobs}, expected at least 1")


def _check_is_ours(description: Path) -> None:
    if not description.exists():
        return
    try:
        name = json.loads(description.read_text(encoding="utf-8"))["name"]
    except (ValueError, KeyError, TypeError):
        name = None
    if name != _DATASET_NAME:
        raise OutputError(
            f"{description}: describes another data set, expected a folder of its own"
        )


def _make_cases(
    out: Path, seeds: range, grid: Grid, jobs: int, progress: Callable[[int, int], None]
) -> None:
    progress(0, len(seeds))
    if jobs == 1:
        for done, seed in enumerate(seeds, start=1):
            write_case(out, seed, grid)
            progress(done, len(seeds))
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(write_case, out, seed, grid) for seed in seeds]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            progress(done, len(seeds))


def _write_description(out: Path) -> None:
    """Write dataset.json over all complete cases of the folder."""
    table = hand_label_table()
    cases = len(list((out / "labelsTr").glob(f"*{FILE_ENDING}")))
    description = {
        "name": _DATASET_NAME,
        "description": "Synthetic hands with synthetic ultrasound. No medical data.",
        "channel_names": {"0": "ultrasound"},
        "labels": {"background": 0} | {s.name: s.value for s in table},
        "numTraining": cases,
        "file_ending": FILE_ENDING,
    }
    with atomic_path(out / "dataset.json") as temporary:
        temporary.write_text(json.dumps(description, indent=1), encoding="utf-8")
