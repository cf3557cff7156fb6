"""Write label volumes on the grid of the segmented image."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.anatomy.label_table import LabelTable, Structure
from amcnet.errors import OutputError
from amcnet.io.array_sources import array_of
from amcnet.io.atomic_files import atomic_path
from amcnet.io.dicom import SegType, write_seg
from amcnet.io.extensions import LABEL_EXTENSIONS, SEGMENTATION_EXTENSION, find_extension
from amcnet.io.geometry import Geometry
from amcnet.io.image_formats import write_nrrd
from amcnet.io.image_writing import check_output, check_written, write_grid
from amcnet.io.predicted_dice import PredictedDice
from amcnet.io.predicted_dice_tags import predicted_dice_tags
from amcnet.io.segment_list import make_segments, segmentation_fields


def write_labels(
    path: str | Path,
    labels: npt.ArrayLike,
    geometry: Geometry,
    table: LabelTable,
    overwrite: bool = False,
    listed: Collection[int] | None = None,
    seg_type: SegType = "binary",
    predicted: PredictedDice | None = None,
) -> None:
    """Write labels with the size, spacing, origin and direction of the input file.

    A ``.seg.nrrd`` is a 3D Slicer segmentation, a ``.dcm`` a DICOM segmentation of the images that
    the geometry was read from. Both list the structures of the table by name, colour and FMA code,
    including structures without voxels; the other formats hold only label values. Names are written
    as UTF-8 on one line.

    Args:
        path: Output file, see :data:`amcnet.io.LABEL_EXTENSIONS`.
        labels: Label values, (scan, lateral, depth), uint8 or uint16.
        geometry: Geometry of the segmented image.
        table: Label table of the values.
        overwrite: Replace an existing file.
        listed: Values of the structures that a ``.seg.nrrd`` or ``.dcm`` lists, provided that the
            labels hold no others; None lists the whole table.
        seg_type: Kind of a ``.dcm``: a mask for each structure, or one label map.
        predicted: Predicted Dice coefficients, stored only in a ``.seg.nrrd``, see
            :mod:`amcnet.io.predicted_dice_tags`.

    Raises:
        OutputError: If the file cannot be written there, the labels do not fit the geometry or the
            table, or a ``.dcm`` is requested but the input is not DICOM. No partial file remains.

    Example:
        >>> from amcnet.io.label_reading import read_segments
        >>> labels = np.zeros((4, 4, 4), np.uint8)
        >>> labels[1:3] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> write_labels("knee.seg.nrrd", labels, grid, LabelTable.from_names(["femur", "tibia"]))
        >>> [segment.name for segment in read_segments("knee.seg.nrrd")]
        ['femur', 'tibia']
    """
    path = check_output(path, overwrite, LABEL_EXTENSIONS)
    voxels = array_of(labels)
    if voxels.dtype not in (np.uint8, np.uint16):
        raise OutputError(f"{path}: labels are {voxels.dtype}, expected uint8 or uint16")
    if voxels.shape != geometry.canonical_shape:
        raise OutputError(
            f"{path}: labels have shape {voxels.shape}, expected {geometry.canonical_shape}"
        )
    highest = int(voxels.max(initial=0))
    if highest > len(table):
        raise OutputError(f"{path}: labels go up to {highest}, expected at most {len(table)}")
    stored = geometry.from_canonical(voxels)
    structures = [s for s in table if listed is None or s.value in listed]
    with atomic_path(path) as temporary:
        _write(temporary, stored, geometry, structures, seg_type, predicted or PredictedDice({}))


def _write(
    path: Path,
    stored: npt.NDArray[Any],
    geometry: Geometry,
    structures: list[Structure],
    seg_type: SegType,
    predicted: PredictedDice,
) -> None:
    extension = find_extension(path, LABEL_EXTENSIONS)
    if extension == ".dcm":
        write_seg(path, stored, geometry, structures, seg_type)
    elif extension == SEGMENTATION_EXTENSION:
        tags = predicted_dice_tags(stored, predicted)
        fields = segmentation_fields(make_segments(structures, geometry.size, tags))
        write_nrrd(path, stored, geometry, fields)
        check_written(path, geometry)
    else:
        write_grid(path, stored, geometry)
