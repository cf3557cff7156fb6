"""Split cases into training and held-out ones, as in nnU-Net's ``splits_final.json``."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

from amcnet.errors import InputError
from amcnet.io.atomic_files import write_atomically
from amcnet.io.small_files import read_small_file

SPLIT_FILE = "splits_final.json"
VALIDATION_FRACTION = 0.25  # as in the paper: 77 and 26 of 103


@dataclass(frozen=True)
class Split:
    """Names of the training cases and of the held-out cases."""

    train: tuple[str, ...]
    val: tuple[str, ...]


class _StoredSplit(BaseModel):
    train: list[str]
    val: list[str]


def random_split(
    names: list[str], seed: int, validation_fraction: float = VALIDATION_FRACTION
) -> Split:
    """Hold out a fraction of the cases, chosen by the seed.

    >>> split = random_split(["a", "b", "c", "d"], seed=0)
    >>> len(split.train), len(split.val)
    (3, 1)
    """
    order = np.random.default_rng(seed).permutation(len(names))
    held_out = set(order[: round(len(names) * validation_fraction)].tolist())
    return Split(
        tuple(name for i, name in enumerate(names) if i not in held_out),
        tuple(name for i, name in enumerate(names) if i in held_out),
    )


def fold_splits(names: list[str], folds: int, seed: int) -> list[Split]:
    """Hold out every case once: as many splits as folds, of nearly equal size.

    >>> [len(split.val) for split in fold_splits(list("abcde"), folds=2, seed=0)]
    [3, 2]

    Raises:
        InputError: If there are fewer cases than folds, or fewer than two folds.
    """
    if not 2 <= folds <= len(names):
        raise InputError(f"folds: found {folds}, expected 2 to {len(names)}, the number of cases")
    order = np.random.default_rng(seed).permutation(len(names))
    splits = []
    for fold in range(folds):
        held_out = set(order[fold::folds].tolist())
        splits.append(
            Split(
                tuple(name for i, name in enumerate(names) if i not in held_out),
                tuple(name for i, name in enumerate(names) if i in held_out),
            )
        )
    return splits


def find_splits(
    folder: Path,
    names: list[str],
    seed: int,
    folds: int | None = None,
    validation_fraction: float | None = None,
) -> list[Split]:
    """Return the splits of a data set: by folds or a fraction if given, otherwise its own.

    Args:
        folder: The data set, whose ``splits_final.json`` is the default.
        names: Names of its cases.
        seed: Seed of the random choice.
        folds: Number of folds.
        validation_fraction: Fraction of held-out cases; :data:`VALIDATION_FRACTION` if nothing is
            given and the data set has no split.

    Raises:
        InputError: If the folds or the data set's own split do not fit the cases.
    """
    stored = folder / SPLIT_FILE
    if folds is not None:
        return fold_splits(names, folds, seed)
    if validation_fraction is None and stored.exists():
        return read_splits(stored, names)
    share = VALIDATION_FRACTION if validation_fraction is None else validation_fraction
    return [random_split(names, seed, share)]


def write_splits(path: Path, splits: list[Split]) -> None:
    """Write splits in nnU-Net's format."""
    content = [{"train": list(split.train), "val": list(split.val)} for split in splits]
    write_atomically(path, json.dumps(content, indent=1))


def read_splits(path: Path, names: list[str]) -> list[Split]:
    """Read splits and check them against the existing cases.

    Raises:
        InputError: If the file cannot be read, names an unknown case, or lists a case for both
            training and validation.
    """
    try:
        stored = TypeAdapter(list[_StoredSplit]).validate_json(
            read_small_file(path, "a list of train and val")
        )
    except ValidationError as error:
        raise InputError(f"{path}: cannot be read, expected a list of train and val") from error
    if not stored:
        raise InputError(f"{path}: is empty, expected a list of train and val")
    for number, split in enumerate(stored):
        unknown = sorted({*split.train, *split.val} - set(names))
        if unknown:
            raise InputError(f"{path}: fold {number} names {unknown[0]}, which is not a case")
        twice = sorted(set(split.train) & set(split.val))
        if twice:
            raise InputError(
                f"{path}: fold {number} lists {twice[0]} for both training and validation"
            )
    return [Split(tuple(split.train), tuple(split.val)) for split in stored]
