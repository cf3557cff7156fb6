"""Drawing a hand that fits a grid."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from amcnet.phantom.bone_shapes import draw_shapes
from amcnet.phantom.grid import Grid
from amcnet.phantom.growth import COMPLETE_AGE_YEARS, Sex
from amcnet.phantom.hand import Hand, Side, mirror, transform
from amcnet.phantom.posing import DORSAL_TISSUE_MM, pose_hand

_SCAN_MARGIN_MM = 4.0
_LATERAL_MARGIN_MM = 4.0
_DEPTH_MARGIN_MM = 1.0
_MIN_STANDOFF_MM = 5.0
_POSE_ATTEMPTS = 20


def draw_hand(rng: Generator, grid: Grid) -> Hand:
    """Draw a hand whose 38 structures lie wholly inside a grid.

    Poses that do not fit are drawn again, gradually closer to the neutral pose; a hand that is
    too large for the grid in every pose is replaced by another one.
    """
    shapes_rng, pose_rng = rng.spawn(2)
    while True:
        person = _draw_person(shapes_rng)
        shapes = draw_shapes(shapes_rng, *person[:2])
        for attempt in range(_POSE_ATTEMPTS):
            amplitude = 1 - 0.75 * attempt / _POSE_ATTEMPTS
            placed = _place(pose_rng, pose_hand(pose_rng, shapes, person, amplitude), grid)
            if placed is not None:
                return mirror(placed, grid) if placed.parameters.side == "left" else placed


def _draw_person(rng: Generator) -> tuple[float, Sex, Side]:
    sex: Sex = "girl" if rng.random() < 0.5 else "boy"
    side: Side = "left" if rng.random() < 0.5 else "right"
    return float(rng.uniform(*COMPLETE_AGE_YEARS[sex])), sex, side


def _place(rng: Generator, hand: Hand, grid: Grid) -> Hand | None:
    """Shift a hand into the grid, or return None where it does not fit."""
    bounds = [solid.bounds_mm(0.0) for solid in hand.structures.values()]
    low = np.min([b[0] for b in bounds], axis=0)
    high = np.max([b[1] for b in bounds], axis=0)
    top = low[2] - DORSAL_TISSUE_MM * hand.parameters.size
    extent = np.array(grid.extent_mm)
    margin = np.array([_SCAN_MARGIN_MM, _LATERAL_MARGIN_MM, _DEPTH_MARGIN_MM])
    room = extent - 2 * margin - (high - low)
    deepest_standoff = extent[2] - margin[2] - (high[2] - top)
    if room[0] < 0 or room[1] < 0 or deepest_standoff < _MIN_STANDOFF_MM:
        return None
    standoff = min(hand.parameters.standoff_mm, deepest_standoff)
    shift = margin - low
    # Most hands lie so that some of the wrist is seen: little is left free at the fingertips.
    shift[0] += room[0] * rng.uniform(0, 0.6)
    shift[1] += room[1] * rng.uniform(0.2, 0.8)
    shift[2] = standoff - top
    moved = transform(hand, lambda frame: replace(frame, origin_mm=frame.origin_mm + shift))
    return replace(moved, parameters=replace(hand.parameters, standoff_mm=float(standoff)))
