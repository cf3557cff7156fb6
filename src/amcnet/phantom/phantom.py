"""One phantom: a hand and its ultrasound, from one seed."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

from amcnet.errors import ConfigError
from amcnet.phantom.acoustics import Acoustics, draw_acoustics
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.grid import NETWORK_GRID, Grid
from amcnet.phantom.hand import HandParameters
from amcnet.phantom.recipe import Recipe
from amcnet.phantom.tissue import Voxeliser
from amcnet.phantom.ultrasound import render


@dataclass(frozen=True)
class Phantom:
    """A synthetic scan with its truth.

    Attributes:
        image: uint8 (scan, lateral, depth).
        labels: uint8 (scan, lateral, depth), 0 or 1-38 of the hand's label table.
        spacing_mm: (scan, lateral, depth).
        hand: What was drawn for the anatomy.
        acoustics: What was drawn for the ultrasound.
        seed: The seed that gives exactly this phantom.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]
    hand: HandParameters
    acoustics: Acoustics
    seed: int

    def description(self) -> dict[str, Any]:
        """Return everything that was drawn, as data that JSON can hold."""
        return {
            "seed": self.seed,
            "shape": list(self.image.shape),
            "spacing_mm": list(self.spacing_mm),
            "hand": asdict(self.hand),
            "acoustics": asdict(self.acoustics),
        }


def make_phantom(seed: int, grid: Grid = NETWORK_GRID) -> Phantom:
    """Make the phantom of a seed; the same seed gives the same hand on every grid.

    Raises:
        ConfigError: If the seed is negative.
    """
    if seed < 0:
        raise ConfigError(f"seed: found {seed}, expected 0 or greater")
    hand = draw_hand(default_rng(SeedSequence(seed, spawn_key=(10,))), Recipe(grid))
    acoustics = draw_acoustics(default_rng(SeedSequence(seed, spawn_key=(11,))))
    voxeliser = Voxeliser(hand, grid)
    image, labels = render(voxeliser, acoustics, seed)
    return Phantom(image, labels, grid.spacing_mm, hand.parameters, acoustics, seed)
