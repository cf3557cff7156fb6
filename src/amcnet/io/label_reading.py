"""Read label volumes: plain label values, and segments of 3D Slicer and DICOM."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.anatomy.label_table import LabelTable
from amcnet.errors import InputError, count_text
from amcnet.io.dicom import is_dicom, merge_frames, open_seg
from amcnet.io.extensions import find_extension
from amcnet.io.geometry import Triple
from amcnet.io.image_header import ImageHeader
from amcnet.io.images import errors_in_words, read_image_header, read_volume
from amcnet.io.label_volume import LabelVolume, SegmentOverlap
from amcnet.io.plain_names import plain_name
from amcnet.io.segment_list import Segment, parse_segments
from amcnet.io.segment_matching import are_numbered, match_segments
from amcnet.io.voxel_decoding import read_voxels

_log = logging.getLogger(__name__)

_MAX_LABEL = 65535
_ROUNDING = 1e-4  # tolerance for labels that are stored scaled
_MOST_NAMED = 5  # overlaps listed in a message

_Targets = list[tuple[Segment, int | None]]


def read_segments(path: str | Path) -> list[Segment]:
    """Read the segment list of a 3D Slicer or DICOM segmentation from its header only.

    Returns:
        The segments in file order; an empty list for a file without segments.

    Raises:
        InputError: If the header is damaged.

    Example:
        >>> from amcnet.io.geometry import Geometry
        >>> from amcnet.io.label_writing import write_labels
        >>> labels = np.ones((4, 4, 4), np.uint8)
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> write_labels("femur.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> read_segments("femur.seg.nrrd")[0].name
        'femur'
    """
    path = Path(path)
    if _is_dicom_file(path):
        return open_seg(path).segments
    with errors_in_words(path):
        return _segments_of(read_image_header(path, with_spacing=False))


def read_labels(
    path: str | Path,
    table: LabelTable | None = None,
    axes: str = "auto",
    ignore_value: int | None = None,
    spacing_mm: Triple | None = None,
) -> LabelVolume:
    """Read a label volume.

    3D Slicer segmentations are recognised by their segment list, DICOM ones by their content. With
    a table, segments are matched by name, then by terminology code, and get the table's values;
    label values count only for segments without a name of their own (``Segment_1``). Layers are
    merged; if they overlap, the last one wins, and the result lists the hidden voxels. A
    segmentation that was saved cropped keeps its own, smaller grid.

    Args:
        path: The file.
        table: The allowed values; None allows all.
        axes: ``auto`` or the meaning of the file's x, y, z.
        ignore_value: A value beyond the table's that is also allowed: it marks voxels with unknown
            labels. A segment named ``ignore`` gets it.
        spacing_mm: Voxel size in (scan, lateral, depth) to use instead of the file's, in mm.

    Returns:
        Labels in (scan, lateral, depth), uint8 if the values fit, else uint16. The remarks are also
        logged as warnings.

    Raises:
        InputError: If the file cannot be read, or its values are not integers, are negative, or are
            not in the table.

    Example:
        >>> from amcnet.io.geometry import Geometry
        >>> from amcnet.io.label_writing import write_labels
        >>> labels = np.zeros((4, 4, 4), np.uint8)
        >>> labels[1:3] = 2
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> table = LabelTable.from_names(["femur", "tibia"])
        >>> write_labels("knee.seg.nrrd", labels, grid, table)
        >>> int(read_labels("knee.seg.nrrd", table).array.max())
        2
    """
    path = Path(path)
    with errors_in_words(path):
        if _is_dicom_file(path):
            volume = _read_dicom(path, table, axes, ignore_value, spacing_mm)
        else:
            volume = _read_file(path, table, axes, ignore_value, spacing_mm)
    for remark in volume.remarks:
        _log.warning("%s: %s", path, remark)
    return volume


def _read_file(
    path: Path,
    table: LabelTable | None,
    axes: str,
    ignore_value: int | None,
    spacing_mm: Triple | None,
) -> LabelVolume:
    header = read_image_header(path, with_spacing=spacing_mm is None)
    segments = _segments_of(header)
    if not segments:
        volume = read_volume(path, axes, spacing_mm=spacing_mm, colour="refuse")
        array = _as_labels(_whole(volume.array), table, ignore_value)
        return LabelVolume(array, volume.geometry, path)
    geometry = header.geometry(axes, spacing_mm)
    targets = _segment_targets(segments, table, ignore_value)
    merged, overlaps = _merge_layers(read_voxels(header), targets)
    array = _as_labels(geometry.to_canonical(merged), table, ignore_value)
    remarks = (*_numbering_remarks(segments, table), *_overlap_remarks(overlaps))
    return LabelVolume(array, geometry, path, overlaps, remarks, has_segments=True)


def _is_dicom_file(path: Path) -> bool:
    return path.is_file() and is_dicom(path) and find_extension(path, (".zip",)) is None


def _read_dicom(
    path: Path,
    table: LabelTable | None,
    axes: str,
    ignore_value: int | None,
    spacing_mm: Triple | None,
) -> LabelVolume:
    seg = open_seg(path, axes)
    array, overlaps = merge_frames(seg, _segment_targets(seg.segments, table, ignore_value))
    geometry = seg.geometry if spacing_mm is None else seg.geometry.with_spacing(spacing_mm)
    labels = _as_labels(array, table, ignore_value)
    remarks = (*_numbering_remarks(seg.segments, table), *_overlap_remarks(overlaps))
    return LabelVolume(labels, geometry, path, overlaps, remarks, has_segments=True)


def _segments_of(header: ImageHeader) -> list[Segment]:
    return parse_segments(header.fields, header.channels)


def _numbering_remarks(segments: list[Segment], table: LabelTable | None) -> tuple[str, ...]:
    if table is None or not are_numbered(segments, table):
        return ()
    return (
        "its segments have no names of their own, so their label values were matched to the "
        "values of the label table",
    )


def _overlap_remarks(overlaps: tuple[SegmentOverlap, ...]) -> tuple[str, ...]:
    if not overlaps:
        return ()
    named = [
        f"{count_text(o.num_voxels, 'voxel')} of '{o.hidden}' under '{o.shown}'"
        for o in overlaps[:_MOST_NAMED]
    ]
    more = f" and {len(overlaps) - _MOST_NAMED} more pairs" if len(overlaps) > _MOST_NAMED else ""
    return (f"segments overlap, and the last one is kept: {', '.join(named)}{more} are hidden",)


def _whole(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert labels that are stored as floats, or scaled, to integers.

    Raises:
        InputError: If some are not whole numbers, within rounding. The text has no path.
    """
    if array.dtype.kind != "f":
        return array
    whole = np.empty(array.shape, np.int64)
    broken = 0
    for target, plane in zip(whole, array, strict=True):
        nearest = np.rint(plane)
        with np.errstate(invalid="ignore"):  # NaN and infinite voxels, which are not whole numbers
            broken += int(np.count_nonzero(~(np.abs(plane - nearest) <= _ROUNDING)))
            target[...] = np.clip(nearest, -_MAX_LABEL, 2 * _MAX_LABEL)
    if broken:
        raise InputError(f"found fractions in {count_text(broken, 'voxel')}, expected label values")
    return whole


def _as_labels(
    array: npt.NDArray[Any], table: LabelTable | None, ignore_value: int | None
) -> npt.NDArray[Any]:
    """Check the values; convert them to uint8 if they fit, else to uint16."""
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
    stored: npt.NDArray[Any], targets: _Targets
) -> tuple[npt.NDArray[np.uint16], tuple[SegmentOverlap, ...]]:
    """Merge all layers (z, y, x, layer) into one array of label values (z, y, x)."""
    layers = np.moveaxis(_whole(stored), -1, 0)
    low, high = layers.min(), layers.max()
    if low < 0 or high > _MAX_LABEL:
        raise InputError(f"segmentation voxels are {low} to {high}, expected 0 to {_MAX_LABEL}")
    merged = np.zeros(layers.shape[1:], dtype=np.uint16)
    hidden: Counter[tuple[int, int]] = Counter()
    for index, layer in enumerate(layers):
        lookup = _layer_lookup(index, layer, targets)
        known = np.flatnonzero(lookup)
        keeps_values = np.array_equal(lookup[known], known)
        for plane, source in zip(merged, layer, strict=True):
            values = source if keeps_values else lookup[source]
            if index:
                lost = (values != 0) & (plane != 0) & (plane != values)
                hidden.update(zip(plane[lost].tolist(), values[lost].tolist(), strict=True))
            np.copyto(plane, values, where=values != 0, casting="unsafe")
    names = {target: segment.name for segment, target in targets}
    overlaps = (
        SegmentOverlap(names[before], names[after], count)
        for (before, after), count in hidden.most_common()
    )
    return merged, tuple(overlaps)


def _segment_targets(
    segments: list[Segment], table: LabelTable | None, ignore_value: int | None
) -> _Targets:
    """Return the label value of each segment; None if the table does not contain it."""
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


def _layer_lookup(index: int, layer: npt.NDArray[Any], targets: _Targets) -> npt.NDArray[np.uint16]:
    """Return the target value of every possible value of a layer, and check the used values."""
    present = np.zeros(_MAX_LABEL + 1, dtype=bool)
    for plane in layer:
        present[plane] = True
    own = {s.label_value: (s, target) for s, target in targets if s.layer == index}
    lookup = np.zeros(_MAX_LABEL + 1, dtype=np.uint16)
    for value in np.flatnonzero(present[1:]) + 1:
        segment, target = own.get(int(value), (None, None))
        if segment is None:
            raise InputError(
                f"voxels of layer {index} have the value {value}, which no segment has"
            )
        if target is None:
            raise InputError(
                f"segment '{segment.name}' is not in the label table, expected names of the table"
            )
        lookup[value] = target
    return lookup
