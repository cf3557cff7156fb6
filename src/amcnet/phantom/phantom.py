"""One phantom: a hand and its ultrasound, from one seed."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

from amcnet.errors import ConfigError
from amcnet.phantom.acoustics import Acoustics, draw_acoustics
from amcnet.phantom.config import PhantomConfig
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand_anatomy import Hand, HandParameters
from amcnet.phantom.tissue import Voxeliser
from amcnet.phantom.ultrasound import render
from amcnet.version import __version__

FORMAT = 2
"""What a seed means: raised whenever the same seed and recipe give another phantom."""


@dataclass(frozen=True)
class Phantom:
    """A synthetic scan with its truth.

    Attributes:
        image: uint8 (scan, lateral, depth).
        labels: uint8 (scan, lateral, depth), 0 or 1-38 of the hand's label table.
        recipe: What kind of phantom it is; it names the grid.
        hand: What was drawn for the anatomy.
        acoustics: What was drawn for the ultrasound.
        seed: The seed that gives exactly this phantom, with the recipe.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    recipe: PhantomConfig
    hand: HandParameters
    acoustics: Acoustics
    seed: int

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel spacing (scan, lateral, depth)."""
        return self.recipe.grid.spacing_mm

    def description(self) -> dict[str, Any]:
        """Return everything that was asked for and drawn, as data that JSON can hold."""
        return {
            "seed": self.seed,
            "format": FORMAT,
            "amcnet": __version__,
            "recipe": self.recipe.description(),
            "hand": asdict(self.hand),
            "acoustics": asdict(self.acoustics),
        }


def draw_phantom(seed: int, recipe: PhantomConfig) -> tuple[Hand, Acoustics]:
    """Draw the hand and the scan of a seed, which :func:`make_phantom` renders."""
    hand = draw_hand(default_rng(SeedSequence(seed, spawn_key=(10,))), recipe)
    return hand, draw_acoustics(default_rng(SeedSequence(seed, spawn_key=(11,))))


def make_phantom(
    seed: int,
    recipe: PhantomConfig = PhantomConfig(),  # noqa: B008 - frozen
    threads: int = 1,
) -> Phantom:
    """Make the phantom of a seed; the same seed gives the same hand on every grid.

    Args:
        seed: Decides everything that the recipe leaves open.
        recipe: What kind of phantom to make.
        threads: Threads to work with; they change the time taken, not the result.

    Raises:
        ConfigError: If the seed is negative, or ``threads`` less than 1.
    """
    if seed < 0:
        raise ConfigError(f"seed: found {seed}, expected 0 or greater")
    if threads < 1:
        raise ConfigError(f"threads: found {threads}, expected at least 1")
    hand, acoustics = draw_phantom(seed, recipe)
    voxeliser = Voxeliser(hand, recipe.grid)
    image, labels = render(voxeliser, acoustics, seed, threads)
    return Phantom(image, labels, recipe, hand.parameters, acoustics, seed)
