"""Hands that processes make while the GPU works on others."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from amcnet.data.preprocessing import Preprocessing
from amcnet.data.resampling import resample_labels
from amcnet.parallel import start_worker
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.phantom import make_phantom
from amcnet.phantom.phantom_config import PhantomConfig
from amcnet.training.refinement.first_stage import boundary_centres

HALF_SEED, HELD_OUT_SEED = 300_000, 835_000
WIDE_SEED, UNSEEN_SEED = 700_000, 850_000

Half = NDArray[np.float16]
Labels = NDArray[np.uint8]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Hand:
    """A hand on one grid: normalised image (scan, lateral, depth) and labels."""

    image: Half
    labels: Labels


@dataclass(frozen=True)
class TwoGrids:
    """A hand on the grids of both stages.

    Attributes:
        coarse: On the first stage's grid.
        fine: On the refiner's grid.
        centres: Positions of patches, see
            :func:`amcnet.training.refinement.first_stage.boundary_centres`.
    """

    coarse: Hand
    fine: Hand
    centres: NDArray[np.int16]


def make_hand(grid: PhantomGrid, seed: int) -> Hand:
    """Make a hand for the wide network."""
    phantom = make_phantom(seed, PhantomConfig(grid))
    same = Preprocessing(spacing_mm=grid.spacing_mm, scan_tolerance=0.0)
    image = same.apply(phantom.image, grid.spacing_mm)
    return Hand(image.astype(np.float16), phantom.labels)


def make_two_grids(
    grid: PhantomGrid, coarse: Preprocessing, fine: Preprocessing, seed: int
) -> TwoGrids:
    """Make a hand of full variety for both stages of the hand model."""
    phantom = make_phantom(seed, PhantomConfig(grid, "full"))

    def on(preprocessing: Preprocessing) -> Hand:
        image = preprocessing.apply(phantom.image, grid.spacing_mm)
        return Hand(image.astype(np.float16), resample_labels(phantom.labels, image.shape))

    both = on(coarse), on(fine)
    return TwoGrids(*both, boundary_centres(both[1].labels, both[1].labels))


class Factory:
    """Makes hands in the background.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ProcessPoolExecutor(workers, get_context("spawn"), start_worker)

    def order(self, make: Callable[[int], Result], seeds: Sequence[int]) -> "Order[Result]":
        """Order hands, which are made in this order."""
        return Order([self._pool.submit(make, seed) for seed in seeds])

    def close(self) -> None:
        """Stop; hands that have not been started are not made."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Order(Generic[Result]):
    """Hands in the making.

    Args:
        futures: One for each hand.
    """

    def __init__(self, futures: list["Future[Result]"]) -> None:
        self._futures = futures

    def new(self, fewest: int = 0) -> list[Result]:
        """Return the finished hands that were not returned before; wait for a few."""
        fewest = min(fewest, len(self._futures))
        while sum(future.done() for future in self._futures) < fewest:
            wait([f for f in self._futures if not f.done()], return_when=FIRST_COMPLETED)
        done = [future for future in self._futures if future.done()]
        self._futures = [future for future in self._futures if future not in done]
        return [future.result() for future in done]

    def all(self) -> list[Result]:
        """Return all hands that were not returned before; wait for them."""
        return self.new(len(self._futures))


def two_grids_of(
    grid: PhantomGrid, coarse: Preprocessing, fine: Preprocessing
) -> Callable[[int], TwoGrids]:
    """Return :func:`make_two_grids` for some grids, as a picklable function."""
    return partial(make_two_grids, grid, coarse, fine)


def hands_of(grid: PhantomGrid) -> Callable[[int], Hand]:
    """Return :func:`make_hand` for a grid, as a picklable function."""
    return partial(make_hand, grid)
