"""Files in and out: volumes in canonical axes, label volumes on the input's own grid."""

from amcnet.io.atomic_files import atomic_path, is_same_file, make_folder
from amcnet.io.colour import Colour
from amcnet.io.cropped_labels import label_grid_problem, labels_on_grid, may_be_cropped
from amcnet.io.dicom import Series, is_dicom, list_series
from amcnet.io.embedded_label_tables import read_embedded_label_table
from amcnet.io.extensions import (
    GRID_EXTENSIONS,
    IMAGE_EXTENSIONS,
    LABEL_EXTENSIONS,
    READABLE_EXTENSIONS,
    find_extension,
)
from amcnet.io.folder_listing import report_passed_over
from amcnet.io.geometry import CANONICAL_AXES, CanonicalAxis, Geometry
from amcnet.io.grid_comparison import grid_differences, same_grid
from amcnet.io.image_writing import check_free, check_output, write_image
from amcnet.io.images import read_geometry, read_volume, volume_from_image
from amcnet.io.label_reading import read_labels, read_segments
from amcnet.io.label_volume import LabelVolume, SegmentOverlap
from amcnet.io.label_writing import write_labels
from amcnet.io.reading_options import BY_HEADER, Reading
from amcnet.io.spacing_doubts import doubtful_spacing
from amcnet.io.volume import Volume, volume_from_array

__all__ = [
    "BY_HEADER",
    "CANONICAL_AXES",
    "GRID_EXTENSIONS",
    "IMAGE_EXTENSIONS",
    "LABEL_EXTENSIONS",
    "READABLE_EXTENSIONS",
    "CanonicalAxis",
    "Colour",
    "Geometry",
    "LabelVolume",
    "Reading",
    "SegmentOverlap",
    "Series",
    "Volume",
    "atomic_path",
    "check_free",
    "check_output",
    "doubtful_spacing",
    "find_extension",
    "grid_differences",
    "is_dicom",
    "is_same_file",
    "label_grid_problem",
    "labels_on_grid",
    "list_series",
    "make_folder",
    "may_be_cropped",
    "read_embedded_label_table",
    "read_geometry",
    "read_labels",
    "read_segments",
    "read_volume",
    "report_passed_over",
    "same_grid",
    "volume_from_array",
    "volume_from_image",
    "write_image",
    "write_labels",
]
