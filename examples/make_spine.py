"""Write a small data set that is not the hand: five synthetic vertebrae, thick slices.

    python examples/make_spine.py OUT [--cases 16]

OUT gets images/, labels/ and labels.txt, an ITK-SNAP label description: what a folder of one's own
may look like. Spacing and size vary from case to case, slices are about four times as thick as
voxels are wide.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from amcnet.anatomy import LabelTable
from amcnet.io import Geometry, write_image, write_labels

TABLE = LabelTable.from_names(["L1", "L2", "L3", "L4", "L5"])


def draw_labels(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], rng: Generator
) -> NDArray[np.uint8]:
    """Return labels (scan, lateral, depth): vertebrae from L5 at the bottom up, L5 the largest."""
    positions = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape, spacing_mm, strict=True)],
        indexing="ij",
    )
    labels = np.zeros(shape, np.uint8)
    bend, sway = rng.uniform(-6, 6, 2)
    size = rng.uniform(0.9, 1.1)
    for value in range(1, 6):
        height = 28.0 * (3 - value) * size  # mm above the middle of the volume
        centre = (height, bend * (height / 60) ** 2, sway * height / 60)
        radii = np.array([11.0, 12.0 + value, 16.0 + 1.5 * value]) * size
        scaled = [(p - c) / r for p, c, r in zip(positions, centre, radii, strict=True)]
        labels[(np.abs(scaled) ** 2.6).sum(axis=0) < 1] = value
    return labels


def draw_image(labels: NDArray[np.uint8], rng: Generator) -> NDArray[np.int16]:
    """Return an image of the labels: bone is bright at its rim, everything is noisy."""
    bone = (labels > 0).astype(np.float32)
    inner = gaussian_filter(bone, (0.6, 2, 2))
    image = 60 + 260 * gaussian_filter(bone, (0.3, 0.8, 0.8)) - 120 * inner * bone
    image += gaussian_filter(rng.normal(0, 180, labels.shape), (0.5, 1, 1))
    return image.astype(np.int16)


def main() -> None:
    """Write the data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=16)
    arguments = parser.parse_args()
    for name in ("images", "labels"):
        (arguments.out / name).mkdir(parents=True, exist_ok=True)
    for case in range(arguments.cases):
        rng = default_rng(case)
        spacing_mm = (float(rng.uniform(8, 9)), 2.2, float(rng.choice([2.0, 2.2, 2.4])))
        shape = (int(rng.integers(20, 23)), 32, 36)
        labels = draw_labels(shape, spacing_mm, rng)
        geometry = Geometry.canonical(shape, spacing_mm)
        name = f"spine_{case:02d}.nii.gz"
        write_image(arguments.out / "images" / name, draw_image(labels, rng), geometry, True)
        write_labels(arguments.out / "labels" / name, labels, geometry, TABLE, True)
    rows = ['    0     0    0    0        0  0  0    "Clear Label"']
    for s in TABLE:
        red, green, blue = s.color_rgb
        rows.append(f'{s.value:5d} {red:5d}{green:5d}{blue:5d}        1  1  1    "{s.name}"')
    (arguments.out / "labels.txt").write_text("\n".join(["# Labels", *rows, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
