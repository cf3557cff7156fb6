"""Positions of the network's windows along the scan axis and the weights of their slices."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

IntTriple = tuple[int, int, int]

UNMOVED = (0, 0, 0)
_SIGMA = 0.25  # of the window; slices near its ends see less context and get less weight


@dataclass(frozen=True)
class Windows:
    """Windows along the scan axis.

    Attributes:
        slices: Slices of a window.
        overlap: Fraction of a window that the next one also covers, in [0, 1).
        mirror: Average the result with that of the lateral mirror image.
        shifts: Shifts of the window on the network's grid, (scan, lateral, depth); the results of
            all shifts are averaged.
        alternate_scan: Reverse every second of the shifted windows along the scan axis, and its
            result back.
        ahead: Run the network on a window while the slices of the previous one are labelled.
        least_shape: Smallest input (scan, lateral, depth) of the network; the border of a smaller
            plane is repeated.
    """

    slices: int
    overlap: float = 0.5
    mirror: bool = False
    shifts: tuple[IntTriple, ...] = (UNMOVED,)
    alternate_scan: bool = False
    ahead: bool = False
    least_shape: IntTriple = (4, 16, 16)

    @property
    def furthest(self) -> IntTriple:
        """Largest shift along each axis, by which the input of the network is enlarged."""
        scan, lateral, depth = (max(sizes) for sizes in zip(*self.shifts, strict=True))
        return scan, lateral, depth

    @property
    def views(self) -> list[tuple[IntTriple, bool]]:
        """The shifts, each with whether the shifted window is reversed along the scan axis."""
        return [
            (shift, self.alternate_scan and number % 2 == 1)
            for number, shift in enumerate(self.shifts)
        ]

    @property
    def averages(self) -> bool:
        """Whether the logits of a window are the mean of several runs."""
        return len(self.shifts) > 1 or self.mirror

    def fitted(self, length: int, shortest: int, least_shape: IntTriple) -> "Windows":
        """Return windows that are not longer than necessary for a volume of ``length`` slices.

        Args:
            length: Slices of the volume.
            shortest: The fewest slices that the network was trained on.
            least_shape: The smallest input that the network takes, (scan, lateral, depth).
        """
        slices = min(self.slices, max(length, shortest, least_shape[0]))
        return replace(self, slices=slices, least_shape=least_shape)


def window_starts(length: int, slices: int, overlap: float) -> list[int]:
    """Return the first slices of the windows that cover a volume, evenly spaced."""
    last = max(0, length - slices)
    stride = max(1, int(slices * (1 - overlap)))
    count = -(-last // stride) + 1
    return [round(float(start)) for start in np.linspace(0, last, count)]


def gaussian(slices: int) -> NDArray[np.float32]:
    """Return the weight of each slice of a window."""
    offsets = np.arange(slices) - (slices - 1) / 2
    weights: NDArray[np.float32] = np.exp(-0.5 * (offsets / (_SIGMA * slices)) ** 2)
    return weights.astype(np.float32)


def window_weights(starts: list[int], slices: int) -> list[NDArray[np.float32]]:
    """Return the weight of each slice of each window; the weights of a slice add up to 1."""
    curve = gaussian(slices)
    total = np.zeros(starts[-1] + slices, np.float32)
    for start in starts:
        total[start : start + slices] += curve
    return [curve / total[start : start + slices] for start in starts]
