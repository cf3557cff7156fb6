"""Smooth solids with approximate signed distances: the shapes that bones are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """Where a solid lies: its origin and three unit vectors, all in (scan, lateral, depth), mm."""

    origin_mm: Vector
    along: Vector
    across: Vector
    palmar: Vector

    def at(self, distance_mm: float) -> Vector:
        """Return the point on the axis at a distance from the origin."""
        return self.origin_mm + distance_mm * self.along


@dataclass(frozen=True)
class LongBone:
    """A long solid of elliptic cross-section: a waist, two flared ends, two rounded caps.

    Attributes:
        frame: Origin at the proximal end, ``along`` towards the fingertip.
        length_mm: Length along the axis.
        half_width_mm: Half the width of the middle.
        half_thickness_mm: Half the thickness of the middle (palmar direction).
        flare: Size of the (proximal, distal) end relative to the middle.
        cap_mm: Length over which the (proximal, distal) end is rounded off.
        bow_mm: How far the middle of the axis lies towards the back of the hand.
    """

    frame: Frame
    length_mm: float
    half_width_mm: float
    half_thickness_mm: float
    flare: tuple[float, float] = (1.0, 1.0)
    cap_mm: tuple[float, float] = (1.0, 1.0)
    bow_mm: float = 0.0

    @property
    def radius_mm(self) -> float:
        """Largest distance of the surface from the axis."""
        widest = max(self.half_width_mm, self.half_thickness_mm) * max(1.0, *self.flare)
        return widest + abs(self.bow_mm)

    def bounds_mm(
        self, margin_mm: float, scan_range_mm: tuple[float, float] | None = None
    ) -> tuple[Vector, Vector]:
        """Return the lower and upper corner of a box around the solid and a margin."""
        ends = np.stack([self.frame.origin_mm, self.frame.at(self.length_mm)])
        reach = self.radius_mm + margin_mm
        return ends.min(axis=0) - reach, ends.max(axis=0) + reach

    def distance_mm(self, scan: Field, lateral: Field, depth: Field) -> Field:
        """Return the approximate signed distance (negative inside) on a grid of coordinates.

        Args:
            scan, lateral, depth: Coordinates in mm, broadcastable against each other.
        """
        u, v, w = _local(self.frame, scan, lateral, depth)
        t = np.clip(u * np.float32(2 / self.length_mm) - 1, -1, 1)
        proximal, distal = (np.float32(flare - 1) for flare in self.flare)
        swell = np.abs(t) ** np.float32(2.5)
        size = 1 + swell * np.where(t < 0, proximal, distal)
        size *= self._cap(u)
        w = w + np.float32(self.bow_mm) * (1 - t * t)
        radial = np.hypot(
            v / np.float32(self.half_width_mm), w / np.float32(self.half_thickness_mm)
        )
        smallest = np.float32(min(self.half_width_mm, self.half_thickness_mm))
        outside_ends = np.maximum(-u, u - np.float32(self.length_mm))
        distance: Field = np.maximum((radial - size) * smallest, outside_ends)
        return distance

    def _cap(self, u: Field) -> Field:
        """Shrink the cross-section to zero at both ends along a superellipse."""
        proximal = np.clip(1 - u / np.float32(self.cap_mm[0]), 0, 1)
        distal = np.clip(1 - (np.float32(self.length_mm) - u) / np.float32(self.cap_mm[1]), 0, 1)
        reach = np.maximum(proximal, distal)
        cap: Field = np.sqrt(np.sqrt(1 - np.minimum(reach**4, 1)))
        return cap


@dataclass(frozen=True)
class Capsule:
    """A straight tube with round ends and an elliptic cross-section, for soft tissue."""

    frame: Frame
    length_mm: float
    half_width_mm: float
    half_thickness_mm: float

    def bounds_mm(
        self, margin_mm: float, scan_range_mm: tuple[float, float] | None = None
    ) -> tuple[Vector, Vector]:
        """Return the lower and upper corner of a box around the capsule and a margin."""
        ends = np.stack([self.frame.origin_mm, self.frame.at(self.length_mm)])
        reach = max(self.half_width_mm, self.half_thickness_mm) + margin_mm
        return ends.min(axis=0) - reach, ends.max(axis=0) + reach

    def distance_mm(self, scan: Field, lateral: Field, depth: Field) -> Field:
        """Return the approximate signed distance (negative inside), as :class:`LongBone` does."""
        u, v, w = _local(self.frame, scan, lateral, depth)
        beyond = u - np.clip(u, 0, np.float32(self.length_mm))
        smallest = np.float32(min(self.half_width_mm, self.half_thickness_mm))
        radial = np.sqrt(
            (v / np.float32(self.half_width_mm)) ** 2
            + (w / np.float32(self.half_thickness_mm)) ** 2
            + (beyond / smallest) ** 2
        )
        distance: Field = (radial - 1) * smallest
        return distance


def _local(frame: Frame, scan: Field, lateral: Field, depth: Field) -> tuple[Field, Field, Field]:
    """Turn coordinates into (along, across, palmar) of a frame."""
    s, x, d = (
        axis - np.float32(origin)
        for axis, origin in zip((scan, lateral, depth), frame.origin_mm, strict=True)
    )
    u, v, w = (
        s * np.float32(vector[0]) + x * np.float32(vector[1]) + d * np.float32(vector[2])
        for vector in (frame.along, frame.across, frame.palmar)
    )
    return u, v, w
