"""Writing label volumes on the input's own grid, and reading them back."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.anatomy.label_table import LabelTable, Structure
from amcnet.errors import InputError, OutputError
from amcnet.io.atomic_files import atomic_path, find_extension
from amcnet.io.dicom import SegType, is_dicom, merge_frames, open_seg, write_seg
from amcnet.io.geometry import Geometry
from amcnet.io.image_writing import COMPRESSION_LEVEL, GRID_EXTENSIONS, check_output, write_grid
from amcnet.io.images import (
    geometry_of_image,
    read_checked_header,
    read_checked_image,
    volume_from_image,
    voxels_of_image,
)
from amcnet.io.segment_list import (
    Segment,
    is_segment_field,
    make_segments,
    match_segments,
    parse_segments,
    plain_name,
)
from amcnet.io.volume import Volume

LABEL_EXTENSIONS = (".seg.nrrd", *GRID_EXTENSIONS, ".dcm")

_MAX_LABEL = 65535


def write_labels(
    path: str | Path,
    labels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    geometry: Geometry,
    table: LabelTable,
    overwrite: bool = False,
    listed: Collection[int] | None = None,
    seg_type: SegType = "binary",
) -> None:
    """Write labels with the size, spacing, origin and direction of the input file.

    A ``.seg.nrrd`` is a 3D Slicer segmentation, a ``.dcm`` a DICOM segmentation of the images that
    the geometry was read from. Both list the structures of the table by name, colour and FMA code,
    those without voxels too; the other formats hold label values alone.

    Args:
        path: Output file, see :data:`LABEL_EXTENSIONS`.
        labels: Label values, (scan, lateral, depth), uint8 or uint16.
        geometry: Geometry of the image that was segmented.
        table: What the values mean.
        overwrite: Replace an existing file.
        listed: Values of the structures that a ``.seg.nrrd`` or ``.dcm`` lists, where the labels
            hold no others; all of the table where left out.
        seg_type: Of a ``.dcm``: a mask for each structure, or one map of labels.

    Raises:
        OutputError: If the file cannot be written there, or the labels do not fit the geometry
            or the table, or a ``.dcm`` is wanted of what is no DICOM. Nothing is left behind.
    """
    path = check_output(path, overwrite, LABEL_EXTENSIONS)
    if labels.dtype not in (np.uint8, np.uint16):
        raise OutputError(f"{path}: labels are {labels.dtype}, expected uint8 or uint16")
    if labels.shape != geometry.canonical_shape:
        raise OutputError(
            f"{path}: labels have shape {labels.shape}, expected {geometry.canonical_shape}"
        )
    highest = int(labels.max(initial=0))
    if highest > len(table):
        raise OutputError(f"{path}: labels go up to {highest}, expected at most {len(table)}")
    extension = find_extension(path, LABEL_EXTENSIONS)
    stored = geometry.from_canonical(labels)
    structures = [s for s in table if listed is None or s.value in listed]
    if extension == ".dcm":
        _write_dicom(path, stored, geometry, structures, seg_type)
        return
    try:
        with atomic_path(path) as temporary:
            if extension == ".seg.nrrd":
                _write_slicer(temporary, stored, geometry, structures)
            else:
                write_grid(temporary, stored, geometry)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise OutputError(f"{path}: could not be written ({reason})") from error


def _write_dicom(
    path: Path,
    stored: npt.NDArray[Any],
    geometry: Geometry,
    structures: list[Structure],
    seg_type: SegType,
) -> None:
    with atomic_path(path) as temporary:
        try:
            write_seg(temporary, stored, geometry, structures, seg_type)
        except OutputError as error:
            raise OutputError(f"{path}: {error}") from None


def _write_slicer(
    path: Path, stored: npt.NDArray[Any], geometry: Geometry, structures: list[Structure]
) -> None:
    import slicerio

    ijk_to_lps = np.eye(4)
    directions = np.array(geometry.direction).reshape(3, 3)
    ijk_to_lps[:3, :3] = directions * np.array(geometry.spacing_mm)
    ijk_to_lps[:3, 3] = geometry.origin_mm
    segmentation = {
        "voxels": stored.T,  # slicerio indexes voxels (x, y, z)
        "ijkToLPS": ijk_to_lps,
        "containedRepresentationNames": ["Binary labelmap"],
        "segments": make_segments(structures, geometry.size),
    }
    slicerio.write_segmentation(str(path), segmentation, compression_level=COMPRESSION_LEVEL)


def read_segments(path: str | Path) -> list[Segment]:
    """Read the segment list of a 3D Slicer or DICOM segmentation from its header alone.

    Returns:
        The segments in file order; an empty list for a file that has none.

    Raises:
        InputError: If the header is damaged.
    """
    path = Path(path)
    if _is_dicom_file(path):
        return open_seg(path).segments
    header = read_checked_header(path)
    try:
        return _segments_of(header, header.GetNumberOfComponents())
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_labels(
    path: str | Path,
    table: LabelTable | None = None,
    axes: str = "auto",
    ignore_value: int | None = None,
) -> Volume:
    """Read a label volume.

    3D Slicer segmentations are recognised by their segment list, DICOM ones by their content. With
    a table their segments are found by name, else by terminology code, else (if none is known) by
    label value, and get the table's values. Layers are merged; where they overlap, the last one
    wins. A segmentation that was saved cropped keeps its own, smaller grid.

    Args:
        path: The file.
        table: The allowed values; None allows all.
        axes: ``auto`` or what the file's x, y, z mean.
        ignore_value: A value beyond the table's that is allowed too: it marks voxels of which
            nothing is known. A segment named ``ignore`` gets it.

    Returns:
        Labels in (scan, lateral, depth), uint8 where the values fit, else uint16.

    Raises:
        InputError: If the file cannot be read, or its values are no integers, negative, or not
            in the table.
    """
    path = Path(path)
    if _is_dicom_file(path):
        return _read_dicom(path, table, axes, ignore_value)
    image = read_checked_image(path)
    try:
        segments = _segments_of(image, image.GetNumberOfComponentsPerPixel())
        if segments:
            targets = _segment_targets(segments, table, ignore_value)
            volume = _merge_layers(image, targets, axes)
        else:
            volume = volume_from_image(image, axes)
        return Volume(_as_labels(volume.array, table, ignore_value), volume.geometry, path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _is_dicom_file(path: Path) -> bool:
    return path.is_file() and is_dicom(path) and find_extension(path, (".zip",)) is None


def _read_dicom(
    path: Path, table: LabelTable | None, axes: str, ignore_value: int | None
) -> Volume:
    seg = open_seg(path, axes)
    try:
        array = merge_frames(seg, _segment_targets(seg.segments, table, ignore_value))
        return Volume(_as_labels(array, table, ignore_value), seg.geometry, path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _segments_of(image: Any, layers: int) -> list[Segment]:  # noqa: ANN401
    keys = [key for key in image.GetMetaDataKeys() if is_segment_field(key)]
    return parse_segments({key: image.GetMetaData(key) for key in keys}, layers)


def _as_labels(
    array: npt.NDArray[Any], table: LabelTable | None, ignore_value: int | None
) -> npt.NDArray[Any]:
    """Check the values; turn them into the smallest of uint8 and uint16."""
    if array.dtype.kind == "f":
        broken = sum(int((plane != np.rint(plane)).sum()) for plane in array)
        if broken:
            raise InputError(f"{broken} voxels are not whole numbers, expected label values")
    low, high = array.min(), array.max()
    limit = _MAX_LABEL if table is None else len(table)
    if low < 0 or high > limit:
        outside = (int(value) for value in np.unique(array) if not 0 <= value <= limit)
        values = [value for value in outside if value != ignore_value]
        if values:
            listed = ", ".join(map(str, values[:10])) + (", ..." if len(values) > 10 else "")
            raise InputError(f"label values {listed} were found, expected 0 to {limit}")
    return array.astype(np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16, copy=False)


def _merge_layers(
    image: Any,  # noqa: ANN401
    targets: list[tuple[Segment, int | None]],
    axes: str,
) -> Volume:
    """Bring all layers of a 3D Slicer segmentation into one volume of label values."""
    geometry = geometry_of_image(image, axes)
    layers = np.moveaxis(voxels_of_image(image, geometry), -1, 0)
    if layers.dtype.kind not in "iu":
        raise InputError(f"segmentation voxels are {layers.dtype}, expected integers")
    if layers.min() < 0 or layers.max() > _MAX_LABEL:
        raise InputError(
            f"segmentation voxels are {layers.min()} to {layers.max()}, expected 0 to {_MAX_LABEL}"
        )
    merged = np.zeros(geometry.stored_shape, dtype=np.uint16)
    for index, layer in enumerate(layers):
        lookup = _layer_lookup(index, layer, targets)
        for plane, source in zip(merged, layer, strict=True):
            values = lookup[source]
            np.copyto(plane, values, where=values != 0)
    return Volume(geometry.to_canonical(merged), geometry)


def _segment_targets(
    segments: list[Segment], table: LabelTable | None, ignore_value: int | None
) -> list[tuple[Segment, int | None]]:
    """Pair each segment with the value that it gets, None where the table does not know it."""
    if table is not None:
        matches = zip(segments, match_segments(segments, table), strict=True)
        return [
            (s, ignore_value if value is None and plain_name(s.name) == "ignore" else value)
            for s, value in matches
        ]
    values = [segment.label_value for segment in segments]
    if len(set(values)) != len(values):
        raise InputError("segments in different layers share label values, expected a label table")
    return [(segment, segment.label_value) for segment in segments]


def _layer_lookup(
    index: int, layer: npt.NDArray[Any], targets: list[tuple[Segment, int | None]]
) -> npt.NDArray[np.uint16]:
    """Return the target of every possible value of a layer, and check those that occur."""
    present = np.zeros(_MAX_LABEL + 1, dtype=bool)
    for plane in layer:
        present[plane] = True
    own = {s.label_value: (s, target) for s, target in targets if s.layer == index}
    lookup = np.zeros(_MAX_LABEL + 1, dtype=np.uint16)
    for value in np.flatnonzero(present[1:]) + 1:
        segment, target = own.get(int(value), (None, None))
        if segment is None:
            raise InputError(f"voxels of layer {index} have the value {value} of no segment")
        if target is None:
            raise InputError(f"segment '{segment.name}' was found, expected names of the table")
        lookup[value] = target
    return lookup
