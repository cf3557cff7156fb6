"""Training windows: consecutive transverse slices, each a function of (seed, index)."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from amcnet.data.augmentation import Augmentation


@dataclass(frozen=True)
class PreparedCase:
    """A case on the network's grid: float16 image and uint8 labels, (scan, lateral, depth)."""

    name: str
    image: NDArray[np.float16]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class PatchSampler:
    """Draws windows of ``window`` slices that span the whole transverse plane.

    Window ``index`` of a seed is always the same, whoever asks for it and when: a resumed run
    continues where it was.
    """

    cases: tuple[PreparedCase, ...]
    window: int
    seed: int
    foreground_probability: float = 0.8
    augmentation: Augmentation | None = None

    def __call__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return image (1, scan, lateral, depth) and labels (scan, lateral, depth)."""
        rng = default_rng(SeedSequence(self.seed, spawn_key=(index,)))
        case = self.cases[rng.integers(len(self.cases))]
        start = self._start(case, rng)
        image, labels = cut_window(case, start, self.window)
        return image[None], labels

    def _start(self, case: PreparedCase, rng: Generator) -> int:
        last = max(0, len(case.image) - self.window)
        if rng.random() >= self.foreground_probability:
            return int(rng.integers(last + 1))
        # A random structure first, then a slice of it: short bones are seen as often as long ones.
        value = rng.choice(np.unique(case.labels))
        slices = np.flatnonzero((case.labels == value).any(axis=(1, 2)))
        centre = int(rng.choice(slices))
        return int(np.clip(centre - rng.integers(self.window), 0, last))


def cut_window(
    case: PreparedCase, start: int, length: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return image and labels of ``length`` slices; a short volume repeats its last slice."""
    return _cut(case.image, start, length).astype(np.float32), _cut(case.labels, start, length)


_Scalar = TypeVar("_Scalar", bound=np.generic)


def _cut(volume: NDArray[_Scalar], start: int, length: int) -> NDArray[_Scalar]:
    part = volume[start : start + length]
    missing = length - len(part)
    return np.concatenate([part, part[-1:].repeat(missing, axis=0)]) if missing else part
