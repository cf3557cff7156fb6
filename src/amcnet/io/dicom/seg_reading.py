"""Read the labels of a DICOM segmentation."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import AmcnetError, InputError, one_line
from amcnet.io.dicom.decoding import decode
from amcnet.io.dicom.frame_positions import FramePositions, positions_of_frames
from amcnet.io.dicom.headers import (
    SEG_UIDS,
    is_compressed,
    open_dicom,
    read_header_and_pixels,
    value_of,
    whole_number,
)
from amcnet.io.dicom.locations import Location, location_of
from amcnet.io.dicom.pixels import check_native_length
from amcnet.io.dicom.quiet_libraries import quiet_pydicom
from amcnet.io.dicom.segment_descriptions import segments_of_header
from amcnet.io.dicom.stacking import check_straight, normal_of
from amcnet.io.geometry import Geometry
from amcnet.io.label_volume import SegmentOverlap
from amcnet.io.segment_list import Segment
from amcnet.memory import check_room

_log = logging.getLogger(__name__)

_TOLERANCE = 0.05  # as a fraction of the distance between slices
_ROUNDING_MM = 1e-3  # for positions that are written as text
_COPIES = 3  # the bits or bytes of the file, the labels, and the labels in canonical order


@dataclass(frozen=True)
class SegLabels:
    """Labels of a DICOM segmentation, not yet matched to a label table.

    Attributes:
        segments: The segments of the file.
        slices: Index of the slice of each frame.
        numbers: Segment number of each frame; None for a label map, whose voxels are segment
            numbers.
        header: Header of the file.
        location: The file.
        geometry: The grid; omitted frames are background.
    """

    segments: list[Segment]
    slices: NDArray[np.intp]
    numbers: list[int | None]
    header: Any
    location: Location
    geometry: Geometry


def open_seg(path: Path, axes: str = "auto") -> SegLabels:
    """Read the header of a DICOM segmentation.

    Args:
        path: The file.
        axes: ``auto`` or the meaning of the file's x, y, z.

    Raises:
        InputError: If it is not a DICOM segmentation, states no positions, is damaged, or is
            fractional.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io.dicom import read_dicom_volume, write_seg
        >>> image = read_dicom_volume(get_testdata_file("CT_small.dcm"))
        >>> labels = (image.array > 1000).astype(np.uint8)
        >>> table = LabelTable.from_names(["bone"])
        >>> stored = image.geometry.from_canonical(labels)
        >>> write_seg(Path("bone.dcm"), stored, image.geometry, list(table))
        >>> [segment.name for segment in open_seg(Path("bone.dcm")).segments]
        ['bone']
    """
    location = location_of(path)
    header, pixels = read_header_and_pixels(location) or (None, None)
    if header is None or value_of(header, "SOPClassUID") not in SEG_UIDS:
        what = "no DICOM" if header is None else "a DICOM image"
        raise InputError(f"{path}: is {what}, expected a DICOM segmentation")
    kind = value_of(header, "SegmentationType")
    if kind not in ("BINARY", "LABELMAP"):
        raise InputError(f"{path}: SegmentationType is {kind}, expected BINARY or LABELMAP")
    if pixels is None:
        raise InputError(
            f"{path}: the file ends before its voxels, expected a complete segmentation"
        )
    frames = whole_number(header, "NumberOfFrames", 1)
    if not is_compressed(header, location):
        check_native_length(header, pixels, frames, location)
    positions = positions_of_frames(header, frames, f"{path}")
    if positions is None:
        raise InputError(f"{path}: does not state the positions of its frames, expected them")
    slices, count, slice_mm = _slices(positions, f"{path}")
    try:
        segments = segments_of_header(header)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return SegLabels(
        segments=segments,
        slices=slices,
        numbers=_numbers(header, kind, path),
        header=header,
        location=location,
        geometry=_geometry(header, positions, (count, slice_mm), axes, path),
    )


def merge_frames(
    seg: SegLabels, targets: Sequence[tuple[Segment, int | None]]
) -> tuple[NDArray[np.uint16], tuple[SegmentOverlap, ...]]:
    """Decode all frames into one array of label values, in (scan, lateral, depth).

    If segments overlap, the last one wins; the returned overlaps list the hidden voxels.

    Args:
        seg: The segmentation.
        targets: The segments and the label value of each; None for a segment that must not have
            voxels.

    Raises:
        InputError: If voxels are damaged, or belong to no segment or to a segment without a label
            value.
        NotEnoughMemoryError: If the labels do not fit into memory.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io.dicom import read_dicom_volume, write_seg
        >>> image = read_dicom_volume(get_testdata_file("CT_small.dcm"))
        >>> labels = (image.array > 1000).astype(np.uint8)
        >>> table = LabelTable.from_names(["bone"])
        >>> stored = image.geometry.from_canonical(labels)
        >>> write_seg(Path("merged.dcm"), stored, image.geometry, list(table))
        >>> seg = open_seg(Path("merged.dcm"))
        >>> merged, overlaps = merge_frames(seg, [(seg.segments[0], 1)])
        >>> bool((merged == labels).all()), overlaps
        (True, ())
    """
    check_room(f"{seg.location}", _COPIES * 2 * float(np.prod(seg.geometry.stored_shape)))
    merged = np.zeros(seg.geometry.stored_shape, np.uint16)
    known = {segment.label_value: (segment, target) for segment, target in targets}
    names = {target: segment.name for segment, target in targets if target is not None}
    hidden: Counter[tuple[int, int]] = Counter()
    for index, frame in enumerate(_frames(seg)):
        plane, number = merged[seg.slices[index]], seg.numbers[index]
        if number is not None:
            if frame.any():
                target = _target(number, known)
                covered = plane[(frame != 0) & (plane != 0) & (plane != target)]
                for value, count in zip(*np.unique(covered, return_counts=True), strict=True):
                    hidden[int(value), int(target)] += int(count)
                np.copyto(plane, target, where=frame != 0)
            continue
        for value in np.flatnonzero(np.bincount(frame.ravel())[1:]) + 1:
            np.copyto(plane, _target(int(value), known), where=frame == value)
    overlaps = (
        SegmentOverlap(names[under], names[over], count)
        for (under, over), count in hidden.most_common()
    )
    return seg.geometry.to_canonical(merged), tuple(overlaps)


def _target(number: int, known: dict[int, tuple[Segment, int | None]]) -> np.uint16:
    segment, target = known.get(number, (None, None))
    if segment is None:
        raise InputError(f"voxels have the number {number}, which no segment has")
    if target is None:
        raise InputError(
            f"segment '{segment.name}' is not in the label table, expected names of the table"
        )
    return np.uint16(target)


def _slices(positions: FramePositions, name: str) -> tuple[NDArray[np.intp], int, float]:
    """Return the slice of each frame, the number of slices, and their distance in mm."""
    check_straight(positions, name)
    along = positions.positions_mm @ normal_of(positions)
    places = np.unique(along)
    steps = np.diff(places)
    apart = steps[steps > _ROUNDING_MM]
    if len(apart):
        _compare_distance(float(apart.min()), positions.slice_distance_mm, name)
    stated = [
        positions.slice_distance_mm,
        positions.slice_thickness_mm,
        float(apart.min()) if len(apart) else None,
    ]
    for slice_mm in (one for one in stated if one is not None):  # a thickness is not a distance
        exact = (along - along.min()) / slice_mm
        slices = np.rint(exact).astype(np.intp)
        if np.abs(exact - slices).max() <= _TOLERANCE:
            extent = int(slices.max())
            return (
                slices,
                extent + 1,
                float(exact.max() * slice_mm / extent) if extent else slice_mm,
            )
    raise InputError(f"{name}: its slices are unevenly spaced, expected equal distances")


def _compare_distance(found_mm: float, stated_mm: float | None, name: str) -> None:
    """Compare the smallest distance of frames with SpacingBetweenSlices.

    A smaller stated distance is reported in the log: empty slices may be omitted between frames.

    Raises:
        InputError: If the stated distance is greater.
    """
    if stated_mm is None or abs(found_mm / stated_mm - 1) <= _TOLERANCE:
        return
    text = f"its frames are {found_mm:.6g} mm apart but SpacingBetweenSlices is {stated_mm:.6g} mm"
    if stated_mm > found_mm:
        raise InputError(f"{name}: {text}, expected the same")
    _log.warning("%s: %s, the slices between them are interpreted as empty", one_line(name), text)


def _geometry(
    header: Any,  # noqa: ANN401
    positions: FramePositions,
    slices: tuple[int, float],
    axes: str,
    path: Path,
) -> Geometry:
    normal = normal_of(positions)
    row, column = np.array(positions.orientation).reshape(2, 3)
    first = positions.positions_mm[int(np.argmin(positions.positions_mm @ normal))]
    direction = np.stack([row, column, normal], axis=1)
    row_mm, column_mm = positions.pixel_spacing_mm
    size = (whole_number(header, "Columns"), whole_number(header, "Rows"), slices[0])
    if min(size) < 1:
        raise InputError(f"{path}: its size is {size}, expected 3 positive sizes")
    try:
        return Geometry.from_grid(
            size=size,
            spacing_mm=(column_mm, row_mm, slices[1]),
            origin_mm=(float(first[0]), float(first[1]), float(first[2])),
            direction=tuple(direction.ravel().tolist()),
            axes=axes,
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _numbers(header: Any, kind: str, path: Path) -> list[int | None]:  # noqa: ANN401
    """Return the segment number of each frame; None for frames of a label map."""
    frames = value_of(header, "PerFrameFunctionalGroupsSequence") or ()
    if kind == "LABELMAP":
        return [None] * len(frames)
    shared = value_of(header, "SharedFunctionalGroupsSequence") or ()
    found: list[int | None] = []
    for frame in frames:
        inner = [value_of(item, "SegmentIdentificationSequence") for item in (frame, *shared)]
        first = next((one[0] for one in inner if one), None)
        number = 0 if first is None else whole_number(first, "ReferencedSegmentNumber")
        if number < 1:
            raise InputError(f"{path}: a frame states no segment, expected its number")
        found.append(number)
    return found


def _frames(seg: SegLabels) -> Iterator[NDArray[Any]]:
    """Return the frames one by one."""
    shape = (whole_number(seg.header, "Rows"), whole_number(seg.header, "Columns"))
    is_native = not is_compressed(seg.header, seg.location)
    try:
        with quiet_pydicom() as pydicom, open_dicom(seg.location, whole=True) as stream:
            if stream is None:
                raise InputError("is no longer a DICOM file")
            header = pydicom.dcmread(stream, stop_before_pixels=True)
            if is_native and whole_number(header, "BitsAllocated") == 1:
                stream.seek(0)
                pixels = pydicom.dcmread(stream).PixelData
                yield from _unpacked(pixels, shape, len(seg.slices))
            else:
                yield from decode(pydicom, stream, header, seg.location)
    except (AmcnetError, MemoryError, GeneratorExit):
        raise
    except Exception as error:  # decoders raise different exceptions
        raise InputError(f"its voxels cannot be decoded ({type(error).__name__})") from None


def _unpacked(pixels: bytes, shape: tuple[int, int], frames: int) -> Iterator[NDArray[Any]]:
    """Return frames of single bits, which are stored without gaps."""
    bits = shape[0] * shape[1]
    packed = np.frombuffer(pixels, np.uint8)
    for index in range(frames):
        byte, offset = divmod(index * bits, 8)
        part = packed[byte : ceil((index + 1) * bits / 8)]
        yield np.unpackbits(part, bitorder="little")[offset : offset + bits].reshape(shape)
