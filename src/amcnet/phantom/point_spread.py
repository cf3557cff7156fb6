"""The point spread function as cascades of three-point filters.

A filter (a, 1 - 2a, a) over neighbours ``step`` voxels away adds a variance of ``2 a step**2``.
Steps of one, two, three ... voxels in a row come close to a Gaussian at a fraction of its cost,
and each filter's strength may change with depth, as a beam's width does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.phantom.solids import Field

_STRONGEST = 0.25  # beyond this, the response at the highest frequency becomes negative
_STEPS = (1, 2, 3, 4, 5, 6, 7, 8)
BLOCK_ROWS = 128  # lateral rows processed together, so that they fit into the cache


@dataclass(frozen=True)
class Cascade:
    """A blur along one axis.

    Attributes:
        steps: Reach of each filter in voxels.
        strengths: ``a`` of each filter: a scalar, or one for each depth.
    """

    steps: tuple[int, ...]
    strengths: tuple[Field, ...]

    @classmethod
    def gaussian(cls, sigma: float | NDArray[np.float64]) -> "Cascade":
        """Return a cascade with the variance of a Gaussian.

        Args:
            sigma: Standard deviation in voxels, a scalar or one for each depth. The blur is at most
                10 voxels wide.
        """
        left = np.asarray(sigma, np.float64) ** 2
        steps, strengths = [], []
        for step in _STEPS:
            strength = np.minimum(left / (2 * step**2), _STRONGEST)
            if not np.any(strength > 1e-4):
                break
            steps.append(step)
            strengths.append(strength.astype(np.float32))
            left = left - 2 * strength * step**2
        return cls(tuple(steps), tuple(strengths))

    @property
    def reach(self) -> int:
        """Number of voxels to either side that affect a result."""
        return sum(self.steps)

    def kernel(self) -> NDArray[np.float64]:
        """Return the complete kernel(s), (..., 2 reach + 1); the last axis sums to one."""
        shape = np.shape(self.strengths[0]) if self.strengths else ()
        kernel = np.zeros((*shape, 2 * self.reach + 1))
        kernel[..., self.reach] = 1
        for step, strength in zip(self.steps, self.strengths, strict=True):
            a = np.asarray(strength, np.float64)[..., None]
            kernel = (1 - 2 * a) * kernel + a * (
                np.roll(kernel, step, axis=-1) + np.roll(kernel, -step, axis=-1)
            )
        return kernel

    def noise_gain(self) -> NDArray[np.float64]:
        """Return the remaining standard deviation of white noise of deviation one."""
        gain: NDArray[np.float64] = np.sqrt(np.sum(self.kernel() ** 2, axis=-1))
        return gain

    def apply(self, field: Field, axis: int) -> None:
        """Blur in place along an axis; beyond the ends, the outermost values are repeated.

        Args:
            field: (..., depth); strengths that vary with depth broadcast against it.
            axis: The axis, counted from the end: -1 is depth.
        """
        moved = np.moveaxis(field, axis, 0)
        scaled = np.empty_like(field)
        scaled_moved = np.moveaxis(scaled, axis, 0)
        for step, strength in zip(self.steps, self.strengths, strict=True):
            np.multiply(field, strength, out=scaled)
            field *= 1 - 2 * strength
            moved[step:] += scaled_moved[:-step]
            moved[:-step] += scaled_moved[step:]
            moved[:step] += scaled_moved[:1]
            moved[-step:] += scaled_moved[-1:]

    def apply_rows(self, field: Field, before: "Cascade | None" = None) -> None:
        """Blur in place along the second axis from the end, a block of rows at a time.

        Args:
            field: (..., lateral, depth).
            before: A blur along depth that is applied first.
        """
        source = field.copy()
        rows = field.shape[-2]
        for start in range(0, rows, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, rows)
            low, high = max(0, start - self.reach), min(rows, stop + self.reach)
            block = source[..., low:high, :].copy()
            if before is not None:
                before.apply(block, -1)
            self.apply(block, -2)
            field[..., start:stop, :] = block[..., start - low : stop - low, :]


def blur_stream(cascade: Cascade, planes: Iterator[Field]) -> Iterator[Field]:
    """Blur a stream of planes across the planes, buffering only as many as necessary.

    Yields one plane for every plane except the first and the last :attr:`Cascade.reach`.
    """
    for step, strength in zip(cascade.steps, cascade.strengths, strict=True):
        planes = _filter_stream(planes, step, float(strength))
    return planes


def _filter_stream(planes: Iterator[Field], step: int, strength: float) -> Iterator[Field]:
    held: list[Field] = []
    for plane in planes:
        held.append(plane)
        if len(held) > 2 * step:
            yield _weighted(held[0], held[step], held[-1], strength)
            del held[0]


def _weighted(before: Field, centre: Field, after: Field, strength: float) -> Field:
    """Return the three-point sum of planes (..., lateral, depth), a block of rows at a time."""
    blurred = np.empty_like(centre)
    for start in range(0, centre.shape[-2], BLOCK_ROWS):
        rows = np.s_[..., start : start + BLOCK_ROWS, :]
        block = blurred[rows]
        np.add(before[rows], after[rows], out=block)
        block *= np.float32(strength)
        block += centre[rows] * np.float32(1 - 2 * strength)
    return blurred
