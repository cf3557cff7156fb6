"""Draw slices of volumes whose axes are as expected, reversed or exchanged.

python tools/axes_picture.py --out docs/pictures/axes.png
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet.phantom import GRIDS, PhantomConfig, make_phantom

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
SEED = 900_003
MEANING = ("scan", "lateral", "depth")
"""Meaning of the axes of an array (z, y, x) in the expected order."""


@dataclass(frozen=True)
class Storage:
    """One way of storing a volume.

    Attributes:
        title: Title of the picture.
        axes: The option that reads it.
    """

    title: str
    axes: str

    def stored(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return an array (scan, lateral, depth) as (z, y, x) of a file with these axes."""
        words = self.axes.split(",")[::-1]  # z, y, x
        order = [MEANING.index(word.lstrip("-")) for word in words]
        return image.transpose(order)[
            tuple(slice(None, None, -1 if word.startswith("-") else 1) for word in words)
        ]

    def spacing_mm(self, spacing_mm: tuple[float, ...]) -> list[float]:
        """Return the spacing of (z, y, x)."""
        return [spacing_mm[MEANING.index(w.lstrip("-"))] for w in self.axes.split(",")[::-1]]


STORAGES = (
    Storage("as expected", "depth,lateral,scan"),
    Storage("depth reversed", "-depth,lateral,scan"),
    Storage("depth and lateral exchanged", "lateral,depth,scan"),
    Storage("NumPy order", "scan,lateral,depth"),
)


def draw(image: NDArray[np.uint8], spacing_mm: tuple[float, ...]) -> "Figure":
    """Draw one slice of each storage.

    Args:
        image: (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5.2), layout="constrained", dpi=110)
    for axes, storage in zip(figure.subplots(1, len(STORAGES)), STORAGES, strict=True):
        stored, (_, down, right) = storage.stored(image), storage.spacing_mm(spacing_mm)
        plane = stored[len(stored) // 2]
        extent = (0, plane.shape[1] * right, plane.shape[0] * down, 0)
        axes.imshow(plane, cmap="gray", extent=extent, vmin=0, vmax=255)
        axes.set_title(f"{storage.title}\n--axes {storage.axes}", fontsize=8)
        axes.set_xlabel("x in mm", fontsize=8)
        axes.tick_params(labelsize=7)
    figure.axes[0].set_ylabel("y in mm", fontsize=8)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "axes.png")
    out: Path = parser.parse_args().out
    grid = GRIDS["half"]
    phantom = make_phantom(SEED, PhantomConfig(grid))
    draw(phantom.image, grid.spacing_mm).savefig(out)


if __name__ == "__main__":
    main()
