"""Sizes of labelled structures in millimetres, of arrays and of files."""

from amcnet.measurement.extents import extents_mm
from amcnet.measurement.files import FileMeasurement, find_label_files, measure_files
from amcnet.measurement.growth_ends import GrowthEnd, bones_of_epiphyses
from amcnet.measurement.structures import Measurement, measure_structures
from amcnet.measurement.surface_area import surface_area_mm2
from amcnet.measurement.tables import (
    TABLE_EXTENSIONS,
    row_of,
    write_file_measurements,
    write_measurements_csv,
)

__all__ = [
    "TABLE_EXTENSIONS",
    "FileMeasurement",
    "GrowthEnd",
    "Measurement",
    "bones_of_epiphyses",
    "extents_mm",
    "find_label_files",
    "measure_files",
    "measure_structures",
    "row_of",
    "surface_area_mm2",
    "write_file_measurements",
    "write_measurements_csv",
]
