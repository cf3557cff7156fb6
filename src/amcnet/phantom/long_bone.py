"""Bones as smooth solids: a profile along the axis, cut by a curved face at either end.

A whole bone, its shaft, its epiphysis and the cartilage around it are all parts of one profile:
they share a frame and differ in their faces, so that their surfaces match.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from amcnet.phantom.solids import Bounds, Field, Frame, Vector, box_of_stations

PROFILE_SAMPLES = 2048
_CHUNK_POINTS = 32768  # temporary arrays of this size stay in the processor's cache
_FACE_RANGE = 1.25  # beyond the rim, the face's polynomials are constant
_SOFT_AXIS = np.float32(0.03)
_STATIONS = 33
_SLACK_MM = 0.02


@dataclass(frozen=True, eq=False)
class Profile:
    """The cross-section at every point of a bone's axis, ``PROFILE_SAMPLES`` values each.

    Attributes:
        length_mm: From the first to the last sample.
        half_width_mm: Half the width.
        dorsal_mm: Thickness above the axis.
        palmar_mm: Thickness below the axis.
        across_mm: Shift of the axis towards the little finger.
        down_mm: Shift of the axis towards the palm.
        twist: Rotation of the cross-section about the axis, radians, small.
    """

    length_mm: float
    half_width_mm: Field
    dorsal_mm: Field
    palmar_mm: Field
    across_mm: Field
    down_mm: Field
    twist: Field

    def index(self, along_mm: float) -> int:
        """Return the index of the sample nearest to a point on the axis."""
        place = round(along_mm / self.length_mm * (PROFILE_SAMPLES - 1))
        return min(max(place, 0), PROFILE_SAMPLES - 1)

    @cached_property
    def inverse_width(self) -> Field:
        """1 / half width, per mm."""
        return (1 / self.half_width_mm).astype(np.float32)

    @cached_property
    def inverse_thickness(self) -> Field:
        """1 / dorsal thickness, then 1 / palmar thickness, per mm."""
        return (1 / np.concatenate([self.dorsal_mm, self.palmar_mm])).astype(np.float32)

    @cached_property
    def radius_mm(self) -> float:
        """Largest half width or thickness."""
        return float(max(self.half_width_mm.max(), self.dorsal_mm.max(), self.palmar_mm.max()))


@dataclass(frozen=True)
class Face:
    """An end of a bone: the position along the axis as a polynomial over the cross-section.

    Attributes:
        at_mm: Position of the face on the axis.
        half_width_mm: Unit of x, the coordinate towards the little finger.
        half_thickness_mm: Unit of y, the coordinate towards the palm.
        across_mm: Coefficients of x, x^2, x^3, x^4.
        palmar_mm: Coefficients of y, y^2, y^3, y^4.
        mixed_mm: Coefficient of xy.
    """

    at_mm: float
    half_width_mm: float
    half_thickness_mm: float
    across_mm: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    palmar_mm: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    mixed_mm: float = 0.0

    def shifted(self, along_mm: float) -> "Face":
        """Return the same surface, shifted along the axis."""
        return replace(self, at_mm=self.at_mm + along_mm)

    def height_mm(self, across: Field, palmar: Field) -> Field:
        """Return the position of the face along the axis at points of the cross-section, mm."""
        limit = np.float32(_FACE_RANGE)
        x = np.clip(across * np.float32(1 / self.half_width_mm), -limit, limit)
        y = np.clip(palmar * np.float32(1 / self.half_thickness_mm), -limit, limit)
        height: Field = x * y
        height *= np.float32(self.mixed_mm)
        height += np.float32(self.at_mm)
        for value, coefficients in ((x, self.across_mm), (y, self.palmar_mm)):
            c1, c2, c3, c4 = (np.float32(c) for c in coefficients)
            part = value * c4
            for coefficient in (c3, c2, c1):
                part += coefficient
                part *= value
            height += part
        return height

    @cached_property
    def range_mm(self) -> tuple[float, float]:
        """Lowest and highest position of the face."""
        height = self._samples()[0]
        return float(height.min()), float(height.max())

    @cached_property
    def steepness(self) -> float:
        """Slope at the rim, if the slope grew evenly with the distance from the centre."""
        _, slope, radius = self._samples()
        return float((slope * radius).sum() / (radius**2).sum())

    def _samples(self) -> tuple[Vector, Vector, Vector]:
        """Return position, slope and relative radius on a disc slightly larger than the face."""
        reach = np.linspace(-1.15, 1.15, 24)
        x, y = np.meshgrid(reach, reach)
        x, y = x[np.hypot(x, y) < 1.16], y[np.hypot(x, y) < 1.16]

        def place(dx: float, dy: float) -> Vector:
            return self.height_mm(
                ((x + dx) * self.half_width_mm).astype(np.float32),
                ((y + dy) * self.half_thickness_mm).astype(np.float32),
            ).astype(np.float64)

        step = 0.02
        by_x = (place(step, 0) - place(-step, 0)) / (2 * step * self.half_width_mm)
        by_y = (place(0, step) - place(0, -step)) / (2 * step * self.half_thickness_mm)
        return place(0, 0), np.hypot(by_x, by_y), np.hypot(x, y)


@dataclass(frozen=True, eq=False)
class LongBone:
    """A part of a profile between two faces.

    Attributes:
        frame: Origin at the proximal end of the profile, ``along`` towards the fingertip.
        profile: The cross-sections.
        proximal: The face at the piece's proximal end.
        distal: The face at its distal end.
        edge_mm: Distance over which sides and faces blend into each other.
        camber: Bend of the cross-section, relative to its thickness: positive arches the back
            and flattens the palm.
        girth: Size of the cross-section relative to the profile.
        grown_mm: Distance of the surface outside the described part.
    """

    frame: Frame
    profile: Profile
    proximal: Face
    distal: Face
    edge_mm: float
    camber: float = 0.0
    girth: float = 1.0
    grown_mm: float = 0.0

    def moved(self, move: Callable[[Frame], Frame]) -> Self:
        """Return the same shape in another frame."""
        return replace(self, frame=move(self.frame))

    @cached_property
    def range_mm(self) -> tuple[float, float]:
        """Range of the piece along its axis, in mm."""
        grown = self.grown_mm + _SLACK_MM
        return self.proximal.range_mm[0] - grown, self.distal.range_mm[1] + grown

    def bounds_mm(
        self, margin_mm: float, scan_range_mm: tuple[float, float] | None = None
    ) -> Bounds:
        """Return the box around the part and a margin, see :class:`Solid`."""
        centres, reach = self._stations
        return box_of_stations(centres, reach, margin_mm, scan_range_mm)

    def distance_mm(self, scan: Field, lateral: Field, depth: Field) -> Field:
        """Return the approximate signed distance (negative inside), see :class:`Solid`."""
        shape = np.broadcast_shapes(scan.shape, lateral.shape, depth.shape)
        distance = np.empty(shape, np.float32)
        if distance.size == 0:
            return distance
        rows = max(1, _CHUNK_POINTS * shape[0] // distance.size)
        for first in range(0, shape[0], rows):
            part = slice(first, first + rows)
            axes = (a[part] if len(a) > 1 else a for a in (scan, lateral, depth))
            distance[part] = self.local_distance_mm(*self.frame.local(*axes))
        return distance

    def local_distance_mm(self, along: Field, across: Field, palmar: Field) -> Field:
        """Return the approximate signed distance at coordinates of the frame."""
        distance, square = self._side_mm(along, across, palmar)
        ends = self._ends_mm(along, across, palmar, square)
        if ends is not None:
            edge = np.float32(self.edge_mm)
            # The smooth maximum: a parabola where sides and ends are about equally far.
            blend = np.maximum(1 - np.abs(distance - ends) * (1 / edge), 0)
            np.maximum(distance, ends, out=distance)
            blend *= blend
            blend *= edge / 4
            distance += blend
        if self.grown_mm:
            distance -= np.float32(self.grown_mm)
        return distance

    def _side_mm(self, along: Field, across: Field, palmar: Field) -> tuple[Field, Field]:
        """Return the distance to the sides and the squared radius relative to the surface."""
        p = self.profile
        last = PROFILE_SAMPLES - 1
        index = np.clip(along * np.float32(last / p.length_mm) + 0.5, 0, last).astype(np.int32)
        x0 = across - _look_up(p.across_mm, index)
        y0 = palmar - _look_up(p.down_mm, index)
        twist = _look_up(p.twist, index)
        x = x0 + twist * y0
        y = y0 - twist * x0
        per_width = _look_up(p.inverse_width, index)
        index += (y > 0) * np.int32(PROFILE_SAMPLES)
        per_thickness = _look_up(p.inverse_thickness, index)
        if self.girth != 1:
            per_width *= np.float32(1 / self.girth)
            per_thickness *= np.float32(1 / self.girth)
        x *= per_width
        y *= per_thickness
        x *= x
        # Bent across, but within limits, so that far away it remains a distance.
        y -= np.float32(self.camber) * np.minimum(x, np.float32(1.5))
        y *= y
        # A small constant keeps the first-order distance (value over slope) smooth on the axis.
        square = x + y
        square *= 1 - _SOFT_AXIS
        square += _SOFT_AXIS
        x *= per_width
        x *= per_width
        y *= per_thickness
        y *= per_thickness
        x += y
        per_width *= per_thickness
        per_width *= _SOFT_AXIS
        x += per_width
        distance: Field = (square - np.sqrt(square)) / np.sqrt(x)
        return distance, square

    def _ends_mm(self, along: Field, across: Field, palmar: Field, square: Field) -> Field | None:
        """Return the distance to the nearer face, or None if both are too far to matter."""
        ends = None
        rim = np.minimum(square, np.float32(1.3))
        radius = self.girth * self.profile.radius_mm + self.edge_mm
        for face, outward in ((self.proximal, -1), (self.distal, 1)):
            lowest, highest = face.range_mm
            steepness = face.steepness * self.girth
            reach = radius * float(np.hypot(1, steepness))
            if outward < 0 and along.min() > highest + reach:
                continue
            if outward > 0 and along.max() < lowest - reach:
                continue
            beyond = along - face.height_mm(across, palmar)
            beyond *= np.float32(outward)
            beyond /= np.sqrt(1 + rim * np.float32(steepness**2))
            ends = beyond if ends is None else np.maximum(ends, beyond)
        return ends

    @cached_property
    def _stations(self) -> tuple[Vector, Vector]:
        """Return points on the axis, (n, 3), and the reach of the solid from each, (n, 3)."""
        p = self.profile
        along = np.linspace(*self.range_mm, _STATIONS)
        half_step = (along[1] - along[0]) / 2
        at = np.array([p.index(value) for value in along])
        width = p.half_width_mm[at] * self.girth + self.grown_mm
        thickness = np.maximum(p.dorsal_mm[at], p.palmar_mm[at]) * self.girth + self.grown_mm
        # The solid may be wider between two stations than at either.
        width, thickness = (_widest(values) + _SLACK_MM for values in (width, thickness))
        thickness *= 1 + abs(self.camber)
        twist = np.abs(p.twist[at])
        width, thickness = width + twist * thickness, thickness + twist * width
        local = np.stack([along, p.across_mm[at], p.down_mm[at]], axis=1).astype(np.float64)
        across = (width[:, None] * self.frame.across) ** 2
        palmar = (thickness[:, None] * self.frame.palmar) ** 2
        reach = np.sqrt(across + palmar) + half_step * 0.05 * np.abs(self.frame.along)
        return self.frame.points(local), reach


def _look_up(table: Field, index: NDArray[np.int32]) -> Field:
    found: Field = np.take(table, index, mode="clip")
    return found


def _widest(values: Field) -> Vector:
    """Return the largest of each value and its neighbours."""
    padded = np.pad(values.astype(np.float64), 1, mode="edge")
    largest: Vector = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return largest
