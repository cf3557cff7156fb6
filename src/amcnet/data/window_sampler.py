"""Training windows: consecutive transverse slices, each a function of (seed, index)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from amcnet.data.prepared_store import PreparedCase

Centre = Literal["structure", "foreground"]


@dataclass(frozen=True)
class WindowSampler:
    """Draw windows of ``window`` slices that span the whole transverse plane.

    Window ``index`` depends only on the seed, so a resumed run continues exactly, and several
    processes use disjoint indices.

    Attributes:
        cases: The cases to draw from.
        window: Slices of a window.
        seed: Seed of all windows.
        foreground_probability: Share of windows placed on a labelled slice; the others are placed
            anywhere.
        centre: Placement of such windows: ``structure`` on one structure, each with equal
            probability however small or rare; ``foreground`` on any labelled slice.
    """

    cases: tuple[PreparedCase, ...]
    window: int
    seed: int
    foreground_probability: float = 0.8
    centre: Centre = "structure"

    def __call__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return image (channel, scan, lateral, depth) and labels (scan, lateral, depth)."""
        case, start = self.place(index)
        return case.slab(start, self.window)

    def place(self, index: int) -> tuple[PreparedCase, int]:
        """Return the case of a window and its first slice."""
        rng = default_rng(SeedSequence(self.seed, spawn_key=(index,)))
        if self._holders and rng.random() < self.foreground_probability:
            case, slices = self._labelled(rng)
            start = int(rng.choice(slices)) - int(rng.integers(self.window))
        else:
            case = self.cases[rng.integers(len(self.cases))]
            start = int(rng.integers(_last_start(case, self.window) + 1))
        return case, int(np.clip(start, 0, _last_start(case, self.window)))

    def _labelled(self, rng: Generator) -> tuple[PreparedCase, NDArray[np.intp]]:
        """Return a case and those of its slices on which the window may be placed."""
        if self.centre == "structure":
            value = int(rng.choice(list(self._holders)))
            holders = self._holders[value]
            case = holders[rng.integers(len(holders))]
            return case, np.flatnonzero(case.counts[:, value])
        case = self._labelled_cases[rng.integers(len(self._labelled_cases))]
        return case, np.flatnonzero(case.counts[:, 1:].any(axis=1))

    @cached_property
    def _labelled_cases(self) -> list[PreparedCase]:
        """The cases with any structure."""
        return list({id(c): c for cases in self._holders.values() for c in cases}.values())

    @cached_property
    def _holders(self) -> dict[int, list[PreparedCase]]:
        """Label value -> the cases that contain the structure."""
        holders: dict[int, list[PreparedCase]] = {}
        for case in self.cases:
            for value in np.flatnonzero(case.counts[:, 1:].any(axis=0)) + 1:
                holders.setdefault(int(value), []).append(case)
        return dict(sorted(holders.items()))


def random_box(shape: tuple[int, ...], smallest: float, rng: Generator) -> tuple[slice, ...]:
    """Return a box within a volume that keeps at least a fraction ``smallest`` of each axis."""
    box = []
    for size in shape:
        length = int(rng.integers(max(1, round(smallest * size)), size + 1))
        start = int(rng.integers(size - length + 1))
        box.append(slice(start, start + length))
    return tuple(box)


def even_windows(case: PreparedCase, window: int, count: int) -> list[int]:
    """Return the first slices of ``count`` windows spread evenly over a case."""
    last = _last_start(case, window)
    return [round(last * (position + 0.5) / count) for position in range(count)]


def _last_start(case: PreparedCase, window: int) -> int:
    return max(0, case.shape[0] - window)
