"""Decompose the errors of a model: wrong names, wrong boundaries, or the network's grid.

    amcnet phantom --count 10 --seed 800000 --out datasets/unseen
    python studies/error_parts.py datasets/unseen [--model MODEL]

prints a table and writes results/error_parts.json. For each case it gives the macro Dice of the
result; with the true name at every labelled voxel (only boundary errors remain); with the true
voxels, each named like the nearest labelled one (only wrong names remain); the share of voxels
labelled in both whose names differ; and the Dice that the network's grid allows, from the truth
averaged over its voxels and interpolated back. All except the last use every second voxel of each
axis.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from amcnet.data import read_dataset
from amcnet.data.resampling import linear_weights
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "error_parts.json"
NEAR_MM = 3.0  # a voxel further from any structure has no correct name
COLUMNS = ("as it is", "right names", "right voxels", "other names", "grid alone")

Labels = NDArray[np.uint8]


def dice(truth: Labels, labels: Labels, classes: int) -> float:
    """Return the mean Dice of the structures in the truth."""
    pairs = np.bincount(truth.ravel().astype(np.int64) * classes + labels.ravel(), None, classes**2)
    counts = pairs.reshape(classes, classes)
    there = counts[1:].sum(axis=1) > 0
    right = np.diag(counts)[1:][there]
    size = (counts.sum(axis=1) + counts.sum(axis=0))[1:][there]
    return float(np.mean(2 * right / size))


def nearest(labels: Labels, spacing_mm: tuple[float, ...]) -> tuple[Labels, NDArray[np.float64]]:
    """Return the nearest structure of every voxel and its distance."""
    distance, index = distance_transform_edt(
        labels == 0, sampling=spacing_mm, return_distances=True, return_indices=True
    )
    return labels[tuple(index)], distance


def through_grid(truth: Labels, shape: tuple[int, int, int], classes: int) -> Labels:
    """Return labels after resampling to a coarser grid and back, class by class.

    Each coarse voxel gets the fraction that a structure fills; fractions are interpolated back.
    """
    axes = tuple(zip(truth.shape, shape, strict=True))
    down = [shares(fine, coarse) for fine, coarse in axes]
    up = [linear_weights(coarse, fine) for fine, coarse in axes]
    best = np.full(truth.shape, 0.5, np.float32)
    labels = np.zeros_like(truth)
    for value, box in enumerate(find_objects(truth, classes - 1), start=1):
        if box is None:
            continue
        ways, regions = zip(
            *(through_axis(d, u, part) for d, u, part in zip(down, up, box, strict=True)),
            strict=True,
        )
        structure = (truth[box] == value).astype(np.float32)
        back = np.einsum("as,sld,bl,cd->abc", ways[0], structure, *ways[1:], optimize=True)
        wins = back > best[regions]
        best[regions][wins], labels[regions][wins] = back[wins], value
    return labels


def shares(fine: int, coarse: int) -> NDArray[np.float32]:
    """Return the (coarse, fine) matrix that averages one axis over coarse voxels."""
    edges = np.linspace(0, fine, coarse + 1)
    voxels = np.arange(fine)
    covered = np.minimum(edges[1:, None], voxels + 1) - np.maximum(edges[:-1, None], voxels)
    return (np.clip(covered, 0, None) * (coarse / fine)).astype(np.float32)


def through_axis(
    down: NDArray[np.float32], up: NDArray[np.float32], part: slice
) -> tuple[NDArray[np.float32], slice]:
    """Return the matrix to the coarse grid and back for a part of an axis, and its range."""
    both = up @ down[:, part]
    (rows,) = np.nonzero(both.any(axis=1))
    touched = slice(int(rows[0]), int(rows[-1]) + 1)
    return both[touched], touched


def parts(truth: Labels, labels: Labels, spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
    """Return all values of one case except the grid's."""
    classes = int(max(truth.max(), labels.max())) + 1
    name, distance = nearest(truth, spacing_mm)
    named = np.where((labels > 0) & (distance < NEAR_MM), name, labels)
    placed = np.where(truth > 0, nearest(labels, spacing_mm)[0], 0).astype(np.uint8)
    both = (truth > 0) & (labels > 0)
    return (
        dice(truth, labels, classes),
        dice(truth, named.astype(np.uint8), classes),
        dice(truth, placed, classes),
        float(np.mean(truth[both] != labels[both])) if both.any() else 0.0,
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    dataset, segmenter = read_dataset(arguments.data), Segmenter(arguments.model)
    description = segmenter.bundle.description
    cases: dict[str, Any] = {}
    print(f"{'case':14}", *(f"{column:>13}" for column in COLUMNS))
    for case in dataset.cases:
        truth = read_labels(case.labels, dataset.table)
        labels = segmenter(read_volume(case.images[0])).labels
        right, classes = truth.array.astype(np.uint8), dataset.table.num_classes
        grid = description.preprocessing.network_shape(right.shape, truth.spacing_mm)
        half = tuple(2 * mm for mm in truth.spacing_mm)
        values = (
            *parts(right[::2, ::2, ::2], labels[::2, ::2, ::2], half),
            dice(right, through_grid(right, grid, classes), classes),
        )
        figures = cases[case.name] = dict(zip(COLUMNS, values, strict=True))
        print(f"{case.name:14}", *(f"{value:13.3f}" for value in figures.values()), flush=True)
    mean = {column: float(np.mean([case[column] for case in cases.values()])) for column in COLUMNS}
    print(f"{'mean':14}", *(f"{value:13.3f}" for value in mean.values()))
    written = {
        "model": description.name,
        "sha256": description.sha256["model.safetensors"],
        "data": arguments.data.name,
        "mean": mean,
        "cases": cases,
    }
    arguments.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
