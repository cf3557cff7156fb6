"""Frames, solids with approximate signed distances, and tubes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Field = NDArray[np.float32]
Bounds = tuple[Vector, Vector]


@dataclass(frozen=True)
class Frame:
    """Coordinate frame of a solid: origin and three unit vectors, in (scan, lateral, depth), mm."""

    origin_mm: Vector
    along: Vector
    across: Vector
    palmar: Vector

    def at(self, along_mm: float, across_mm: float = 0.0, palmar_mm: float = 0.0) -> Vector:
        """Return the point at coordinates of this frame."""
        return (
            self.origin_mm
            + along_mm * self.along
            + across_mm * self.across
            + palmar_mm * self.palmar
        )

    def points(self, local_mm: Vector) -> Vector:
        """Return points (n, 3), given as (along, across, palmar), in (scan, lateral, depth)."""
        axes = np.stack([self.along, self.across, self.palmar])
        points: Vector = self.origin_mm + local_mm @ axes
        return points

    def local(self, scan: Field, lateral: Field, depth: Field) -> tuple[Field, Field, Field]:
        """Convert coordinates to (along, across, palmar) of this frame, as float32."""
        s, x, d = (
            axis - np.float32(origin)
            for axis, origin in zip((scan, lateral, depth), self.origin_mm, strict=True)
        )
        u, v, w = (
            s * np.float32(vector[0]) + x * np.float32(vector[1]) + d * np.float32(vector[2])
            for vector in (self.along, self.across, self.palmar)
        )
        return u, v, w

    def moved_to(self, origin_mm: Vector) -> "Frame":
        """Return a parallel frame with another origin."""
        return replace(self, origin_mm=origin_mm)

    def flexed(self, degrees: float) -> "Frame":
        """Rotate the axis towards the palm."""
        cos, sin = _cos_sin(degrees)
        return replace(
            self,
            along=cos * self.along + sin * self.palmar,
            palmar=cos * self.palmar - sin * self.along,
        )

    def abducted(self, degrees: float) -> "Frame":
        """Rotate the axis towards the thumb's side."""
        cos, sin = _cos_sin(degrees)
        return replace(
            self,
            along=cos * self.along - sin * self.across,
            across=cos * self.across + sin * self.along,
        )

    def twisted(self, degrees: float) -> "Frame":
        """Rotate about the axis; positive lowers the side of the little finger."""
        cos, sin = _cos_sin(degrees)
        return replace(
            self,
            across=cos * self.across + sin * self.palmar,
            palmar=cos * self.palmar - sin * self.across,
        )


class Solid(Protocol):
    """A shape in a frame with a bounding box and an approximate signed distance."""

    @property
    def frame(self) -> Frame:
        """Coordinate frame of the solid."""

    def moved(self, move: Callable[[Frame], Frame]) -> Self:
        """Return the same shape in another frame."""

    def bounds_mm(
        self, margin_mm: float, scan_range_mm: tuple[float, float] | None = None
    ) -> Bounds:
        """Return the lower and upper corner of a box around the solid and a margin.

        With a scan range, the box contains only the part of the solid within that range. If there
        is no such part, the box is empty: its lower scan coordinate exceeds the upper one.
        """

    def distance_mm(self, scan: Field, lateral: Field, depth: Field) -> Field:
        """Return the approximate signed distance, negative inside.

        Args:
            scan, lateral, depth: float32 coordinates in mm, as many axes each, broadcastable.
        """


def box_of_stations(
    centres_mm: Vector,
    reach_mm: Vector,
    margin_mm: float,
    scan_range_mm: tuple[float, float] | None,
) -> Bounds:
    """Return the bounding box of consecutive parts of a solid, or of those in a scan range.

    Args:
        centres_mm: (n, 3) points along the axis.
        reach_mm: (n, 3), reach of the solid from each point along each coordinate.
        margin_mm: Added on all sides.
        scan_range_mm: Only parts that intersect this range are included.
    """
    low, high = centres_mm - reach_mm - margin_mm, centres_mm + reach_mm + margin_mm
    # A part lies between two stations.
    low, high = np.minimum(low[:-1], low[1:]), np.maximum(high[:-1], high[1:])
    if scan_range_mm is None:
        return low.min(axis=0), high.max(axis=0)
    first, last = scan_range_mm
    seen = (low[:, 0] <= last) & (high[:, 0] >= first)
    if not seen.any():
        return np.full(3, np.inf), np.full(3, -np.inf)
    low, high = low[seen].min(axis=0), high[seen].max(axis=0)
    low[0], high[0] = max(low[0], first), min(high[0], last)
    return low, high


@dataclass(frozen=True)
class Capsule:
    """A straight tube with round ends and an elliptic cross-section, for soft tissue."""

    frame: Frame
    length_mm: float
    half_width_mm: float
    half_thickness_mm: float

    def moved(self, move: Callable[[Frame], Frame]) -> Self:
        """Return the same tube in another frame."""
        return replace(self, frame=move(self.frame))

    def bounds_mm(
        self, margin_mm: float, scan_range_mm: tuple[float, float] | None = None
    ) -> Bounds:
        """Return the box around the tube and a margin, see :class:`Solid`."""
        end = min(self.half_width_mm, self.half_thickness_mm)
        axes = np.stack([self.frame.along, self.frame.across, self.frame.palmar])
        halves = np.array([end, self.half_width_mm, self.half_thickness_mm])
        reach = np.linalg.norm(axes * halves[:, None], axis=0)
        stations = np.linspace(0, self.length_mm, 9)[:, None]
        centres = self.frame.origin_mm + stations * self.frame.along
        return box_of_stations(centres, reach[None], margin_mm, scan_range_mm)

    def distance_mm(self, scan: Field, lateral: Field, depth: Field) -> Field:
        """Return the approximate signed distance (negative inside), see :class:`Solid`."""
        u, v, w = self.frame.local(scan, lateral, depth)
        beyond = u - np.clip(u, 0, np.float32(self.length_mm))
        smallest = np.float32(min(self.half_width_mm, self.half_thickness_mm))
        v *= np.float32(1 / self.half_width_mm)
        w *= np.float32(1 / self.half_thickness_mm)
        beyond *= 1 / smallest
        distance: Field = (np.sqrt(v * v + w * w + beyond * beyond) - 1) * smallest
        return distance


def tube(
    start_mm: Vector, end_mm: Vector, palmar: Vector, half_width_mm: float, half_thickness_mm: float
) -> Capsule:
    """Return a capsule between two points, its thickness as near to ``palmar`` as possible."""
    along = end_mm - start_mm
    length = float(np.linalg.norm(along))
    along = along / length
    down = palmar - (palmar @ along) * along
    down /= np.linalg.norm(down)
    # The frames of right hands are such that along x across points away from the palm.
    frame = Frame(start_mm, along, np.cross(along, down), down)
    return Capsule(frame, length, half_width_mm, half_thickness_mm)


def _cos_sin(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.deg2rad(degrees))), float(np.sin(np.deg2rad(degrees)))
