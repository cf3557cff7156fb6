"""Place a posed hand in the volume, whose borders may cut it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from amcnet.anatomy import hand_label_table
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.hand_anatomy import Hand, transform
from amcnet.phantom.long_bone import LongBone
from amcnet.phantom.rare_cases import (
    DEEP_HAND,
    SHALLOW_HAND,
    STANDOFF_MM,
    Crop,
    draw_crop,
    standoff_kind,
)
from amcnet.phantom.solids import Vector

_MARGIN_MM = np.array([1.5, 3.0, 1.0])
# Large hands lie as deep as the volume allows.
_MIN_STANDOFF_MM = {"": 5.0, SHALLOW_HAND: 2.0, DEEP_HAND: 10.0}
_SKIN_MM = 0.5  # the smooth union of flesh lies slightly outside its parts


@dataclass(frozen=True)
class Placement:
    """Position of a hand in the volume.

    Attributes:
        scan_part: Fraction of the free space along the scan that lies at the fingertips.
        lateral_part: Fraction of the free lateral space that lies at low coordinates.
        standoff_mm: Depth of water above the highest point of the skin.
        min_standoff_mm: Smallest acceptable stand-off if the hand would not fit otherwise.
        crop: Extent of the hand beyond the borders.
    """

    scan_part: float
    lateral_part: float
    standoff_mm: float
    min_standoff_mm: float
    crop: Crop

    def has_room(
        self, structures: dict[int, LongBone], points_mm: dict[int, Vector], grid: PhantomGrid
    ) -> bool:
        """Return whether the structures fit the grid along the uncropped axes."""
        low, high = _bounds(structures, points_mm)
        room = np.array(grid.field_of_view_mm) - 2 * _MARGIN_MM - (high - low)
        scan_fits = room[0] >= 0 or self.crop.cuts_scan
        lateral_fits = room[1] >= 0 or self.crop.cuts_lateral
        return bool(scan_fits and lateral_fits and room[2] >= self.min_standoff_mm)


def draw_placement(rng: Generator, rare_cases: tuple[str, ...], size: float) -> Placement:
    """Draw the position of a hand whose size is relative to an adult's."""
    kind = standoff_kind(rare_cases)
    low, high = STANDOFF_MM[kind]
    return Placement(
        # Most scans show part of the wrist, which leaves little space at the fingertips.
        scan_part=rng.uniform(0, 0.6),
        lateral_part=rng.uniform(0.2, 0.8),
        standoff_mm=low + (high - low) * rng.random(),
        min_standoff_mm=_MIN_STANDOFF_MM[kind],
        crop=draw_crop(rng, rare_cases, size),
    )


def place_hand(
    hand: Hand, placement: Placement, points_mm: dict[int, Vector], grid: PhantomGrid
) -> Hand | None:
    """Shift a hand into the grid; return None if it does not fit.

    Args:
        hand: The hand, at any position.
        placement: Position of the hand.
        points_mm: Points on the surface of every structure, in the structure's frame.
        grid: Grid of the volume. Structures outside are omitted; structures cut by its border are
            listed.
    """
    low, high = _bounds(hand.structures, points_mm)
    extent, crop = np.array(grid.field_of_view_mm), placement.crop
    free = np.maximum(extent - 2 * _MARGIN_MM - (high - low), 0)
    shift = _MARGIN_MM - low
    shift[0] += free[0] * placement.scan_part
    shift[1] += free[1] * placement.lateral_part
    if crop.fingertips_mm:
        shift[0] = -crop.fingertips_mm - low[0]
    if crop.bases_mm:
        shift[0] = extent[0] + crop.bases_mm - high[0]
    if crop.thumb_side_mm:
        shift[1] = -crop.thumb_side_mm - low[1]
    if crop.little_side_mm:
        shift[1] = extent[1] + crop.little_side_mm - high[1]
    top = _skin_top(hand, -shift[0], extent[0] - shift[0])
    deepest = extent[2] - _MARGIN_MM[2] - (high[2] - top)
    if deepest < placement.min_standoff_mm:
        return None
    standoff = min(placement.standoff_mm, deepest)
    shift[2] = standoff - top
    moved = transform(hand, lambda frame: frame.moved_to(frame.origin_mm + shift))
    return _without_what_is_outside(moved, float(standoff), points_mm, extent)


def _bounds(structures: dict[int, LongBone], points_mm: dict[int, Vector]) -> tuple[Vector, Vector]:
    placed = [solid.frame.points(points_mm[value]) for value, solid in structures.items()]
    points = np.concatenate(placed)
    return points.min(axis=0), points.max(axis=0)


def _skin_top(hand: Hand, first_mm: float, last_mm: float) -> float:
    """Return the smallest depth of flesh within a range of the scan."""
    boxes = [solid.bounds_mm(_SKIN_MM, (first_mm, last_mm)) for solid in hand.flesh]
    return min(float(low[2]) for low, _ in boxes)


def _without_what_is_outside(
    hand: Hand, standoff_mm: float, points_mm: dict[int, Vector], extent_mm: Vector
) -> Hand:
    table = hand_label_table()
    absent, cut, inside = dict(hand.parameters.absent), [], {}
    for value, solid in hand.structures.items():
        points = solid.frame.points(points_mm[value])
        seen = np.all((points >= 0) & (points <= extent_mm), axis=1)
        if not seen.any():
            absent[table[value].name] = "outside the volume"
            continue
        inside[value] = solid
        if not seen.all():
            cut.append(table[value].name)
    parameters = replace(hand.parameters, standoff_mm=standoff_mm, absent=absent, cut=tuple(cut))
    return replace(hand, parameters=parameters, structures=inside)
