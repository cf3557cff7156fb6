"""What the errors of a model are made of: wrong names, wrong boundaries, or the network's grid.

    amcnet phantom --count 10 --seed 800000 --out datasets/unseen
    python benchmarks/error_parts.py datasets/unseen [--model MODEL]

prints a table and writes benchmarks/results/error_parts.json. For every case: macro Dice as it is;
with the right name at every voxel that was labelled (what is left is boundary); with the right
voxels, each named as the nearest labelled one (what is left is identity); the share of voxels,
labelled in both, that have another name; and the best that the network's grid allows: the truth,
averaged over its voxels and interpolated back. Computed on every second voxel of each axis.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from amcnet.data import read_dataset
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.resampling import resample_image
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "error_parts.json"
NEAR_MM = 3.0  # a voxel further from any structure has no right name
COLUMNS = ("as it is", "right names", "right voxels", "other names", "grid alone")

Labels = NDArray[np.uint8]


def dice(truth: Labels, labels: Labels, classes: int) -> float:
    """Return the mean Dice of the structures that the truth holds."""
    pairs = np.bincount(truth.ravel().astype(np.int64) * classes + labels.ravel(), None, classes**2)
    counts = pairs.reshape(classes, classes)
    there = counts[1:].sum(axis=1) > 0
    right = np.diag(counts)[1:][there]
    size = (counts.sum(axis=1) + counts.sum(axis=0))[1:][there]
    return float(np.mean(2 * right / size))


def nearest(labels: Labels, spacing_mm: tuple[float, ...]) -> tuple[Labels, NDArray[np.float64]]:
    """Return the nearest structure of every voxel and how far it is."""
    distance, index = distance_transform_edt(
        labels == 0, sampling=spacing_mm, return_distances=True, return_indices=True
    )
    return labels[tuple(index)], distance


def through_grid(truth: Labels, shape: tuple[int, int, int], classes: int) -> Labels:
    """Return labels after a way through a coarser grid, class by class."""
    best = np.full(truth.shape, 0.5, np.float32)
    labels = np.zeros_like(truth)
    for value in range(1, classes):
        coarse = resample_image((truth == value).astype(np.float32), shape)
        fine = resample_image(coarse, truth.shape)
        wins = fine > best
        best[wins], labels[wins] = fine[wins], value
    return labels


def parts(
    truth: Labels, labels: Labels, spacing_mm: tuple[float, ...], preprocessing: Preprocessing
) -> dict[str, float]:
    """Return the figures of one case."""
    classes = int(max(truth.max(), labels.max())) + 1
    name, distance = nearest(truth, spacing_mm)
    named = np.where((labels > 0) & (distance < NEAR_MM), name, labels)
    placed = np.where(truth > 0, nearest(labels, spacing_mm)[0], 0).astype(np.uint8)
    both = (truth > 0) & (labels > 0)
    grid = preprocessing.network_shape(truth.shape, (spacing_mm[0], spacing_mm[1], spacing_mm[2]))
    values = (
        dice(truth, labels, classes),
        dice(truth, named.astype(np.uint8), classes),
        dice(truth, placed, classes),
        float(np.mean(truth[both] != labels[both])) if both.any() else 0.0,
        dice(truth, through_grid(truth, grid, classes), classes),
    )
    return dict(zip(COLUMNS, values, strict=True))


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
        half = tuple(2 * mm for mm in truth.spacing_mm)
        figures = parts(
            truth.array[::2, ::2, ::2].astype(np.uint8),
            labels[::2, ::2, ::2],
            half,
            description.preprocessing,
        )
        cases[case.name] = figures
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
