"""One phantom: a hand and its ultrasound, from one seed."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

from amcnet.errors import ConfigError
from amcnet.phantom.acoustics import Acoustics, draw_acoustics
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand_anatomy import Hand, HandParameters
from amcnet.phantom.phantom_config import PhantomConfig
from amcnet.phantom.tissue import Voxeliser
from amcnet.phantom.ultrasound import render
from amcnet.short_repr import short_repr
from amcnet.version import __version__

FORMAT = 2
"""Version of the phantoms: incremented if the same seed and configuration give another phantom."""


@dataclass(frozen=True)
class Phantom:
    """A synthetic scan with its ground truth.

    Attributes:
        image: uint8 (scan, lateral, depth).
        labels: uint8 (scan, lateral, depth), 0 or 1-38 of the hand's label table.
        config: Configuration of the phantom, with its grid.
        hand: Drawn parameters of the anatomy.
        acoustics: Drawn parameters of the ultrasound.
        seed: Seed that reproduces this phantom with the configuration.

    Example:
        >>> from amcnet.phantom import PhantomGrid
        >>> phantom = make_phantom(7, PhantomConfig(PhantomGrid((20, 16, 8), (8.6, 8.4, 5.7))))
        >>> phantom.labels.shape, phantom.spacing_mm, phantom.hand.side
        ((20, 16, 8), (8.6, 8.4, 5.7), 'right')
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    config: PhantomConfig
    hand: HandParameters
    acoustics: Acoustics
    seed: int
    __repr__ = short_repr

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel spacing (scan, lateral, depth)."""
        return self.config.grid.spacing_mm

    def description(self) -> dict[str, Any]:
        """Return the configuration and everything that was drawn, as plain data for JSON."""
        return {
            "seed": self.seed,
            "format": FORMAT,
            "amcnet": __version__,
            "config": self.config.description(),
            "hand": asdict(self.hand),
            "acoustics": asdict(self.acoustics),
        }


def draw_phantom(seed: int, config: PhantomConfig) -> tuple[Hand, Acoustics]:
    """Draw the hand and the scan of a seed, which :func:`make_phantom` renders."""
    hand = draw_hand(default_rng(SeedSequence(seed, spawn_key=(10,))), config)
    return hand, draw_acoustics(default_rng(SeedSequence(seed, spawn_key=(11,))))


def make_phantom(
    seed: int,
    config: PhantomConfig = PhantomConfig(),  # noqa: B008 - frozen
    threads: int = 1,
) -> Phantom:
    """Make the phantom of a seed; a seed yields the same hand on every grid.

    Args:
        seed: Determines everything that the configuration does not.
        config: Configuration of the phantom.
        threads: Number of threads; it does not affect the result.

    Raises:
        ConfigError: If the seed is negative, or ``threads`` less than 1.

    Example:
        >>> from amcnet.phantom import PhantomGrid
        >>> coarse = PhantomConfig(PhantomGrid((20, 16, 8), (8.6, 8.4, 5.7)))
        >>> phantom = make_phantom(7, coarse)
        >>> phantom.image.shape, phantom.image.dtype
        ((20, 16, 8), dtype('uint8'))
        >>> bool((make_phantom(7, coarse).image == phantom.image).all())
        True
    """
    if seed < 0:
        raise ConfigError(f"seed: found {seed}, expected 0 or greater")
    if threads < 1:
        raise ConfigError(f"threads: found {threads}, expected at least 1")
    hand, acoustics = draw_phantom(seed, config)
    voxeliser = Voxeliser(hand, config.grid)
    image, labels = render(voxeliser, acoustics, seed, threads)
    return Phantom(image, labels, config, hand.parameters, acoustics, seed)
