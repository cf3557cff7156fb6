"""Sizes of labelled structures in millimetres."""

from amcnet.measurement.extents import extents_mm
from amcnet.measurement.growth_ends import GrowthEnd, bones_of_epiphyses
from amcnet.measurement.measurement_rows import row_of
from amcnet.measurement.structures import Measurement, measure_structures
from amcnet.measurement.surface_area import surface_area_mm2

__all__ = [
    "GrowthEnd",
    "Measurement",
    "bones_of_epiphyses",
    "extents_mm",
    "measure_structures",
    "row_of",
    "surface_area_mm2",
]
