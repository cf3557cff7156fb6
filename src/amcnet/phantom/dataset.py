"""Phantom data sets in the nnU-Net raw layout."""

import json
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from amcnet.anatomy import hand_label_table
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.io import Geometry, make_folder, write_image, write_labels
from amcnet.io.atomic_files import write_atomically
from amcnet.io.file_lock import LOCK_FILE, held_lock
from amcnet.io.small_files import read_json
from amcnet.parallel import Progress, map_in_processes, no_progress, processors, worker_count
from amcnet.phantom.phantom import FORMAT, make_phantom
from amcnet.phantom.phantom_config import PhantomConfig

FILE_ENDING = ".nrrd"
_DATASET_NAME = "amcnet phantom"
_FORMER_KEY = "recipe"  # of the configuration in parameters/CASE.json
_LARGEST_SEED = 10**9
_MOST_CASES = 10**6


def case_name(seed: int) -> str:
    """Return the name of the case of a seed.

    Example:
        >>> case_name(42)
        'hand_000042'
    """
    return f"hand_{seed:06d}"


def write_dataset(
    out: Path,
    count: int,
    seed: int,
    config: PhantomConfig = PhantomConfig(),  # noqa: B008 - frozen
    jobs: int = 1,
    progress: Progress = no_progress,
) -> list[str]:
    """Write phantoms with the seeds ``seed`` to ``seed + count - 1`` as one data set.

    Existing cases are kept, so an interrupted call can be repeated. The bytes depend only on the
    seeds and the configuration, not on the number of processes or calls.

    In addition to images, labels and ``dataset.json``, the folder contains ``parameters/CASE.json``
    with all random parameters and ``splits_final.json``, see :func:`split_cases` (not for a single
    case). nnU-Net reads the latter from its *preprocessed* folder: copy it there.

    Args:
        out: Output folder, created in an existing parent.
        count: Number of cases, at least 1.
        seed: Seed of the first case.
        config: Configuration of the phantoms.
        jobs: Number of processes, which share the processor's threads.
        progress: Called with (cases made, number of cases to make); existing cases do not count.

    Returns:
        The names of the cases.

    Raises:
        ConfigError: If an argument is out of range.
        OutputError: If the parent folder does not exist, ``out`` is a file or another data set, or
            a case exists that was made with another configuration or version (nothing is made
            then), another command is making phantoms there, or a process ends unexpectedly.

    Example:
        >>> from amcnet.phantom.grids import PhantomGrid
        >>> coarse = PhantomConfig(PhantomGrid((20, 16, 8), (8.6, 8.4, 5.7)))
        >>> write_dataset(Path("hands"), count=1, seed=0, config=coarse)
        ['hand_000000']
    """
    _check_arguments(count, seed, jobs)
    make_folder(out)
    seeds = range(seed, seed + count)
    with held_lock(out / LOCK_FILE, f"{out}: another command is making phantoms there"):
        _check_is_ours(out / "dataset.json")
        missing = [s for s in seeds if not _is_there(out, case_name(s), config)]
        for folder in ("imagesTr", "labelsTr", "parameters"):
            make_folder(out / folder)
        if missing:
            _make_cases(out, missing, config, jobs, progress)
        _describe(out)
    return [case_name(s) for s in seeds]


def write_phantom_case(out: Path, seed: int, config: PhantomConfig, threads: int = 1) -> None:
    """Write image, labels and parameters of one phantom into a data set's folders."""
    image_path, label_path, parameters = _case_files(out, case_name(seed))
    phantom = make_phantom(seed, config, threads)
    geometry = Geometry.canonical(phantom.image.shape, phantom.spacing_mm)
    write_image(image_path, phantom.image, geometry, overwrite=True)
    write_labels(label_path, phantom.labels, geometry, hand_label_table(), overwrite=True)
    # Written last: its presence marks the case as complete.
    _write_json(parameters, phantom.description())


def split_cases(names: Iterable[str]) -> dict[str, list[str]]:
    """Split cases into 75 % for training and 25 % for validation: 77 and 26 of the paper's 103.

    The validation cases are those whose names have the smallest SHA-256: effectively random, and
    the same on every machine. Adding cases reassigns few others.

    Example:
        >>> split = split_cases(case_name(seed) for seed in range(103))
        >>> len(split["train"]), len(split["val"])
        (77, 26)
    """
    ordered = sorted(names, key=lambda name: sha256(name.encode()).digest())
    held_out = (len(ordered) + 2) // 4
    return {"train": sorted(ordered[held_out:]), "val": sorted(ordered[:held_out])}


def summarise_left_out(out: Path, names: Iterable[str]) -> str:
    """Return one line about hands that lack structures or are cut; empty if there are none.

    Args:
        out: Folder of the data set.
        names: Names of the cases, as :func:`write_dataset` returns them.

    Example:
        >>> Path("cut/parameters").mkdir(parents=True)
        >>> _write_json(Path("cut/parameters/hand_000001.json"), {"hand": {"cut": True}})
        >>> summarise_left_out(Path("cut"), ["hand_000001"])
        '1 of 1 hands is cut by the border; see parameters/CASE.json'
    """
    hands = [_as_dict(_read_json(_case_files(out, name)[2]).get("hand")) for name in names]
    lacking = [hand["absent"] for hand in hands if hand.get("absent")]
    cut = sum(bool(hand.get("cut")) for hand in hands)
    parts = []
    if lacking:
        epiphyses = {s.name for s in hand_label_table() if s.kind == "epiphysis"}
        what = "epiphyses" if epiphyses.issuperset(set().union(*lacking)) else "structures"
        reasons = sorted({reason for absent in lacking for reason in absent.values()})
        verb = "lacks" if len(lacking) == 1 else "lack"
        parts.append(f"{len(lacking)} of {len(hands)} hands {verb} {what} ({', '.join(reasons)})")
    if cut:
        parts.append(f"{cut} of {len(hands)} hands {'is' if cut == 1 else 'are'} cut by the border")
    return "; ".join([*parts, "see parameters/CASE.json"]) if parts else ""


def _case_files(out: Path, name: str) -> tuple[Path, Path, Path]:
    return (
        out / "imagesTr" / f"{name}_0000{FILE_ENDING}",
        out / "labelsTr" / f"{name}{FILE_ENDING}",
        out / "parameters" / f"{name}.json",
    )


def _complete_cases(out: Path) -> list[str]:
    names = sorted(path.stem for path in (out / "parameters").glob("*.json"))
    return [name for name in names if all(path.exists() for path in _case_files(out, name))]


def _check_arguments(count: int, seed: int, jobs: int) -> None:
    if not 1 <= count <= _MOST_CASES:
        raise ConfigError(f"count: found {count}, expected 1 to {_MOST_CASES}")
    if not 0 <= seed <= _LARGEST_SEED:
        raise ConfigError(f"seed: found {seed}, expected 0 to {_LARGEST_SEED}")
    if jobs < 1:
        raise ConfigError(f"jobs: found {jobs}, expected at least 1")


def _check_is_ours(description: Path) -> None:
    if description.exists() and _read_json(description).get("name") != _DATASET_NAME:
        raise OutputError(
            f"{description}: describes another data set, expected a folder of its own"
        )


def _is_there(out: Path, name: str, config: PhantomConfig) -> bool:
    """Return whether a case is complete; raise OutputError if its configuration differs."""
    files = _case_files(out, name)
    if not all(path.exists() for path in files):
        return False
    case = _read_json(files[2])
    if "format" not in case:
        raise OutputError(
            f"{files[2]}: does not describe a phantom, or one of an earlier version, expected "
            f"format {FORMAT}; nothing was made, choose another folder"
        )
    found = {"format": case.get("format"), **_as_dict(case.get("config", case.get(_FORMER_KEY)))}
    expected = {"format": FORMAT, **config.description()}
    differing = [key for key, value in expected.items() if found.get(key) != value]
    if not differing:
        return True

    def text(values: dict[str, Any]) -> str:
        return ", ".join(f"{key} {json.dumps(values.get(key))}" for key in differing)

    raise OutputError(
        f"{files[2]}: the case was made with {text(found)}, expected {text(expected)}; "
        "nothing was made, choose another folder"
    )


def _make_cases(
    out: Path, seeds: list[int], config: PhantomConfig, jobs: int, progress: Progress
) -> None:
    threads = max(1, processors() // worker_count(jobs, len(seeds)))
    make = partial(write_phantom_case, out, config=config, threads=threads)
    map_in_processes(make, seeds, jobs, progress)


def _describe(out: Path) -> None:
    """Write dataset.json and the split over all complete cases of the folder."""
    cases = _complete_cases(out)
    description = {
        "name": _DATASET_NAME,
        "description": "Synthetic hands with synthetic ultrasound. No medical data.",
        "channel_names": {"0": "ultrasound"},
        "labels": hand_label_table().values_by_name,
        "numTraining": len(cases),
        "file_ending": FILE_ENDING,
    }
    _write_json(out / "dataset.json", description)
    splits = out / "splits_final.json"
    if len(cases) > 1:
        _write_json(splits, [split_cases(cases)])
    else:
        splits.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if the file contains anything else."""
    try:
        return _as_dict(read_json(path, "a description of phantoms"))
    except InputError:
        return {}


def _as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _write_json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False))
