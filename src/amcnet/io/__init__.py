"""Files in and out: volumes in canonical axes, label volumes on the input's own grid."""

from amcnet.io.atomic_files import atomic_path, find_extension, is_same_file, make_folder
from amcnet.io.cropped_labels import label_grid_problem, labels_on_grid
from amcnet.io.dicom import Series, is_dicom, list_series
from amcnet.io.geometry import CANONICAL_AXES, Geometry, grid_differences, same_grid
from amcnet.io.image_writing import GRID_EXTENSIONS, check_free, check_output, write_image
from amcnet.io.images import read_geometry, read_volume, volume_from_image
from amcnet.io.label_volumes import LABEL_EXTENSIONS, read_labels, read_segments, write_labels
from amcnet.io.volume import IMAGE_EXTENSIONS, Volume, volume_from_array

__all__ = [
    "CANONICAL_AXES",
    "GRID_EXTENSIONS",
    "IMAGE_EXTENSIONS",
    "LABEL_EXTENSIONS",
    "Geometry",
    "Series",
    "Volume",
    "atomic_path",
    "check_free",
    "check_output",
    "find_extension",
    "grid_differences",
    "is_dicom",
    "is_same_file",
    "label_grid_problem",
    "labels_on_grid",
    "list_series",
    "make_folder",
    "read_geometry",
    "read_labels",
    "read_segments",
    "read_volume",
    "same_grid",
    "volume_from_array",
    "volume_from_image",
    "write_image",
    "write_labels",
]
