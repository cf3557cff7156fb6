"""Estimate how well the far side of a bone can be known, since it lies in the bone's own shadow.

    amcnet phantom --count 160 --seed 2000 --variety full --grid half --out datasets/half-hands
    amcnet phantom --count 10 --seed 830000 --grid half --out datasets/unseen-half
    python studies/far_side_ceiling.py datasets/unseen-half --fit datasets/half-hands --cases 40

prints a table and writes results/far_side_ceiling.json. A ridge regression for each structure is
given what a perfect observer could see: the true near surface, the true outline, and the outlines
of the neighbours along the finger. It predicts the thickness of every column along the beam. The
Dice with the predicted far side and everything else true shows what shape alone allows: a better
regressor, or echoes from within the shadow, can only raise it.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter

from amcnet.anatomy import LabelTable
from amcnet.data import read_dataset
from amcnet.io import read_labels

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "far_side_ceiling.json"
RIDGE = 1.0  # of standardised features, in columns
SMOOTH_MM = 1.5  # over which the near surface is compared with itself

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """The columns of one structure along the beam.

    Attributes:
        features: (column, feature): visible properties.
        thickness_mm: (column,): distance from the near to the far side.
        spacing_mm: Depth of a voxel.
    """

    features: Array
    thickness_mm: Array
    spacing_mm: float


@dataclass(frozen=True)
class Outline:
    """The visible part of one structure, seen from the probe.

    Attributes:
        size_mm: Its extent along scan and lateral, and the square root of its area.
        near_mm: Mean depth of its near surface.
    """

    size_mm: tuple[float, float, float]
    near_mm: float


def columns_of_hand(
    labels: NDArray[np.uint8], spacing_mm: tuple[float, float, float], table: LabelTable
) -> dict[int, Columns]:
    """Return the columns of every structure of a label map (scan, lateral, depth)."""
    boxes = find_objects(labels, max_label=len(table))
    masks = {
        value: labels[box] == value for value, box in enumerate(boxes, start=1) if box is not None
    }
    outlines = {value: outline_of(mask, spacing_mm) for value, mask in masks.items()}
    result = {}
    for value, mask in masks.items():
        own = outlines[value]
        beside = [outlines[n] for n in table[value].neighbours if n in outlines]
        neighbours = np.zeros(4)
        if beside:
            sizes = np.mean([outline.size_mm for outline in beside], axis=0)
            neighbours[:] = *sizes, np.mean([outline.near_mm for outline in beside]) - own.near_mm
        result[value] = columns_of(mask, spacing_mm, (*own.size_mm, *neighbours))
    return result


def outline_of(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Outline:
    """Return the visible part of a structure in its bounding box."""
    seen = mask.any(axis=2)
    area = np.count_nonzero(seen) * spacing_mm[0] * spacing_mm[1]
    size = (seen.shape[0] * spacing_mm[0], seen.shape[1] * spacing_mm[1], float(np.sqrt(area)))
    return Outline(size, float(mask.argmax(axis=2)[seen].mean()) * spacing_mm[2])


def columns_of(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], of_all: Iterable[float]
) -> Columns:
    """Return the columns of one structure.

    Args:
        mask: (scan, lateral, depth), the structure in its bounding box.
        spacing_mm: Voxel size.
        of_all: Features that all columns share.
    """
    seen = mask.any(axis=2)
    near = mask.argmax(axis=2) * spacing_mm[2]
    last = mask.shape[2] - 1 - mask[:, :, ::-1].argmax(axis=2)
    thickness = (last + 1) * spacing_mm[2] - near
    plane = spacing_mm[:2]
    inward = distance_transform_edt(np.pad(seen, 1), sampling=plane)[1:-1, 1:-1]
    across = distance_across(seen, plane[1])
    half = across.max(axis=1, keepdims=True) + 1e-6
    share = across / half
    dome = half * np.sqrt(np.clip(share * (2 - share), 0, None))  # of an ellipse
    sigma = [SMOOTH_MM / size for size in plane]
    weight = np.maximum(gaussian_filter(seen.astype(float), sigma), 1e-6)
    smooth = gaussian_filter(np.where(seen, near, 0.0), sigma) / weight
    row_mean = np.where(seen, near, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    sag = row_mean[:, None] - near  # how far the near surface bulges towards the probe
    along = np.linspace(-1, 1, len(seen))[:, None] * np.ones(seen.shape)
    local = [inward, np.sqrt(inward), across, half * np.ones(seen.shape), dome, sag, near - smooth]
    local += [along, along**2, dome * along, share, half * share]
    maps = [feature[seen] for feature in local]
    shared = [np.full(len(maps[0]), value) for value in of_all]
    products = [maps[4] * value for value in shared]  # a thicker hand has thicker domes
    features = np.stack([*maps, *shared, *products], axis=1)
    return Columns(features, thickness[seen], spacing_mm[2])


def distance_across(seen: NDArray[np.bool_], spacing_mm: float) -> Array:
    """Return the distance to the nearer border within each lateral row."""
    result = np.zeros(seen.shape)
    for row, line in enumerate(seen):
        if line.any():
            result[row] = distance_transform_edt(np.pad(line, 1))[1:-1] * spacing_mm
    return result


def ridge(features: Array, target: Array) -> tuple[Array, Array, Array]:
    """Return mean and deviation of the features and the coefficients, the constant first."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-9
    design = np.column_stack((np.ones(len(features)), (features - mean) / deviation))
    penalty = RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 0
    return mean, deviation, np.linalg.solve(design.T @ design + penalty, design.T @ target)


def predicted(model: tuple[Array, Array, Array], features: Array) -> Array:
    """Return the predicted thickness of columns."""
    mean, deviation, coefficients = model
    result: Array = coefficients[0] + ((features - mean) / deviation) @ coefficients[1:]
    return result


def dice_of(columns: Columns, thickness_mm: Array) -> float:
    """Return the Dice of a structure whose columns have another thickness, in whole voxels."""
    true = np.round(columns.thickness_mm / columns.spacing_mm)
    found = np.maximum(1, np.round(thickness_mm / columns.spacing_mm))
    return float(2 * np.minimum(true, found).sum() / (true.sum() + found.sum()))


def hands(folder: Path, most: int | None) -> Iterator[tuple[str, LabelTable, dict[int, Columns]]]:
    """Yield the columns of every case of a data set."""
    dataset = read_dataset(folder)
    for case in islice(dataset.cases, most):
        labels = read_labels(case.labels, dataset.table)
        array = labels.array.astype(np.uint8)
        yield case.name, dataset.table, columns_of_hand(array, labels.spacing_mm, dataset.table)


def score(data: Path, fit: Path, most: int | None) -> dict[str, Any]:
    """Fit on some hands and return the ceiling on others."""
    known: dict[int, list[Columns]] = {}
    count = 0
    for _, _, columns in hands(fit, most):
        count += 1
        for value, part in columns.items():
            known.setdefault(value, []).append(part)
    models = {
        value: ridge(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.thickness_mm for part in parts]),
        )
        for value, parts in known.items()
    }
    cases: dict[str, dict[str, float]] = {}
    for name, table, columns in hands(data, None):
        rows: dict[str, list[float]] = {}
        for value, part in columns.items():
            if value not in models:
                continue
            thickness = predicted(models[value], part.features)
            dice = dice_of(part, thickness)
            error = float(np.abs(thickness - part.thickness_mm).mean())
            for group in ("all", table[value].kind):
                rows.setdefault(f"{group} dice", []).append(dice)
                rows.setdefault(f"{group} far mm", []).append(error)
        cases[name] = {key: float(np.mean(values)) for key, values in rows.items()}
    keys = list(next(iter(cases.values())))
    mean = {key: float(np.mean([case[key] for case in cases.values()])) for key in keys}
    return {"data": data.name, "fitted": fit.name, "hands": count, "cases": cases, "mean": mean}


def table(results: dict[str, Any]) -> str:
    """Return the ceiling as Markdown."""
    lines = ["| structures | Dice | far side, mm |", "|---|---|---|"]
    for group in ("all", "bone", "epiphysis"):
        dice, far = (results["mean"][f"{group} {key}"] for key in ("dice", "far mm"))
        lines.append(f"| {group} | {dice:.3f} | {far:.3f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="hands to score on")
    parser.add_argument("--fit", type=Path, required=True, help="hands to fit on")
    parser.add_argument("--cases", type=int, help="only the first N hands to fit on")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    results = score(options.data, options.fit, options.cases)
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
