"""Draw the worst cases of an evaluation: truth, result, and their differences.

    amcnet segment DATA/imagesTr -o FOUND
    amcnet evaluate DATA/labelsTr FOUND --json scores.json
    python studies/worst_cases.py DATA FOUND scores.json -o docs/pictures/worst-cases.png

Each row shows one case from above: the mean of the image along the depth with the true labels, with
the predicted labels, and the voxels that differ (red: missed, blue: excess, yellow: wrong name),
projected along the depth by the maximum.
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.data import read_dataset
from amcnet.io import read_labels, read_volume

mpl.use("Agg")
import matplotlib.pyplot as plt

COUNT = 10
MISSED, EXTRA, RENAMED = (0.85, 0.1, 0.1), (0.2, 0.45, 1.0), (1.0, 0.85, 0.1)
STEP = 2  # voxels of the pictures


def from_above(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest label along the depth."""
    return labels.max(axis=2)[::STEP, ::STEP]


def tinted(
    grey: NDArray[np.float64], labels: NDArray[np.uint8], table: LabelTable
) -> NDArray[np.float64]:
    """Return a picture with the labels in their colours."""
    colors = np.zeros((table.num_classes, 3))
    for structure in table:
        colors[structure.value] = np.array(structure.color_rgb) / 255
    picture = np.repeat(grey[..., None], 3, axis=2)
    there = labels > 0
    picture[there] = 0.25 * picture[there] + 0.75 * colors[labels[there]]
    return picture


def differences(
    grey: NDArray[np.float64], truth: NDArray[np.uint8], found: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return a picture of the voxels that differ anywhere along the depth."""
    picture = np.repeat(grey[..., None], 3, axis=2) * 0.6
    kinds = {
        EXTRA: (truth == 0) & (found > 0),
        MISSED: (truth > 0) & (found == 0),
        RENAMED: (truth > 0) & (found > 0) & (truth != found),
    }
    for color, where in kinds.items():
        share = (
            where.sum(axis=2)[::STEP, ::STEP, None] / 10
        )  # a difference ten voxels deep is drawn at full intensity
        picture = picture + (np.array(color) - picture) * np.minimum(share, 1)
    return picture


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("found", type=Path)
    parser.add_argument("scores", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    dataset = read_dataset(arguments.data)
    scores = json.loads(arguments.scores.read_text(encoding="utf-8"))["cases"]
    dice = {case.name: scores[case.name]["summary"]["dice_macro"] for case in dataset.cases}
    worst = sorted(dataset.cases, key=lambda case: dice[case.name])[:COUNT]
    figure, rows = plt.subplots(len(worst), 3, figsize=(9, 3.6 * len(worst)), squeeze=False)
    for panels, case in zip(rows, worst, strict=True):
        image = read_volume(case.images[0])
        (path,) = arguments.found.glob(f"{case.name}*")
        truth = read_labels(case.labels, dataset.table).array.astype(np.uint8)
        found = read_labels(path, dataset.table).array.astype(np.uint8)
        grey = image.array.mean(axis=2)[::STEP, ::STEP]
        grey = grey / max(1e-6, np.percentile(grey, 99.5))
        pictures = {
            f"{case.name}: truth": tinted(grey, from_above(truth), dataset.table),
            f"found, Dice {dice[case.name]:.2f}": tinted(grey, from_above(found), dataset.table),
            "differences": differences(grey, truth, found),
        }
        aspect = image.spacing_mm[0] / image.spacing_mm[1]
        for panel, (title, picture) in zip(panels, pictures.items(), strict=True):
            panel.imshow(np.clip(picture, 0, 1), aspect=aspect)
            panel.set_title(title, fontsize=8)
            panel.axis("off")
    figure.tight_layout()
    figure.savefig(arguments.output, dpi=60)


if __name__ == "__main__":
    main()
