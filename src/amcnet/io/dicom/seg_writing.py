"""Write labels as a DICOM segmentation that refers to its source images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy.label_table import Structure
from amcnet.errors import OutputError
from amcnet.io.dicom.headers import whole_number
from amcnet.io.dicom.quiet_libraries import quiet_highdicom
from amcnet.io.dicom.segment_descriptions import ALGORITHM, MANUFACTURER, describe_segments
from amcnet.io.dicom.source import DicomSource, dicom_source_of
from amcnet.io.dicom.source_headers import frame_order, make_source_headers, slice_positions
from amcnet.io.geometry import Geometry
from amcnet.io.verified_files import verified_file
from amcnet.version import __version__

SegType = Literal["binary", "labelmap"]

_RLE_LOSSLESS = "1.2.840.10008.1.2.5"  # dcmqi and cornerstone cannot open JPEG-LS
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


def check_source(geometry: Geometry) -> DicomSource:
    """Return the source images of a grid.

    Raises:
        OutputError: If they are not DICOM images, state no positions, or were read with another
            voxel size. The text has no path.
    """
    source = dicom_source_of(geometry)
    if source is None:
        raise OutputError(
            "a DICOM segmentation refers to its source DICOM images but the input has another "
            "format, expected another output such as .seg.nrrd"
        )
    if not source.has_positions:
        raise OutputError(
            "a DICOM segmentation needs the positions of the input's frames but the input "
            "states none, or its voxel size was given by hand, expected another output such as "
            ".seg.nrrd"
        )
    return source


def write_seg(
    path: Path,
    stored: NDArray[Any],
    geometry: Geometry,
    structures: Sequence[Structure],
    seg_type: SegType = "binary",
) -> None:
    """Write labels as a DICOM segmentation.

    A binary segmentation has one frame of bits for each structure and slice in which it occurs; the
    first and the last slice always have a frame, so that the full extent can be read back. A label
    map has one frame for each slice, in lossless RLE.

    Args:
        path: Output file.
        stored: Label values, (z, y, x) of the geometry, uint8 or uint16.
        geometry: Grid of a volume that was read from DICOM.
        structures: The structures to describe, including structures without voxels. Segments are
            numbered by label value in a label map, and 1, 2, 3, ... in a binary segmentation.
        seg_type: ``binary`` or ``labelmap``.

    Raises:
        OutputError: If the volume was not read from DICOM, or no valid segmentation can be made.
            The text has no path.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io.dicom import read_dicom_volume
        >>> image = read_dicom_volume(get_testdata_file("CT_small.dcm"))
        >>> stored = image.geometry.from_canonical((image.array > 1000).astype(np.uint8))
        >>> bone = LabelTable.from_names(["bone"])
        >>> write_seg(Path("bone.dcm"), stored, image.geometry, list(bone))
        >>> Path("bone.dcm").is_file()
        True
    """
    source = check_source(geometry)
    if not structures:
        raise OutputError("found no structures for a DICOM segmentation, expected at least one")
    if seg_type == "binary":
        numbers = list(range(1, len(structures) + 1))
        stored = _renumbered(stored, structures)
    else:
        numbers = [structure.value for structure in structures]
    with quiet_highdicom() as hd:
        try:
            frames = stored[frame_order(source)]  # a copy
            ends = [frames[index] for index in _end_frames(source)]
            marks = _mark_ends(ends) if seg_type == "binary" else []
            content = {
                "source_images": make_source_headers(hd, source, geometry),
                "pixel_array": frames,
                "segmentation_type": seg_type.upper(),
                "segment_descriptions": describe_segments(zip(numbers, structures, strict=True)),
                "omit_empty_frames": seg_type == "binary",
                **_equipment(hd, source),
            }
            syntax = _RLE_LOSSLESS if seg_type == "labelmap" else _EXPLICIT_LITTLE_ENDIAN
            dataset = hd.seg.Segmentation(**content, transfer_syntax_uid=syntax)
            _unmark(dataset, slice_positions(geometry)[marks])
            with verified_file(path) as file:
                dataset.save_as(file, enforce_file_format=True)
        except (ValueError, TypeError, AttributeError, LookupError, RuntimeError) as error:
            # The error text of highdicom may quote the headers of the images.
            raise OutputError(
                "the headers of the input do not allow a DICOM segmentation "
                f"({type(error).__name__}), expected another output such as .seg.nrrd"
            ) from None


def _equipment(hd: Any, source: DicomSource) -> dict[str, Any]:  # noqa: ANN401
    return {
        "series_instance_uid": hd.UID(),
        "series_number": whole_number(source.header, "SeriesNumber") % 10_000 + 10_000,
        "sop_instance_uid": hd.UID(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": ALGORITHM,
        "software_versions": __version__,
        "device_serial_number": __version__,
        "specific_character_set": "ISO_IR 192",
        "content_label": "SEGMENTATION",
        "content_description": f"Segmentation by {ALGORITHM}",
        "series_description": f"Segmentation by {ALGORITHM}",
    }


def _renumbered(stored: NDArray[Any], structures: Sequence[Structure]) -> NDArray[Any]:
    """Number the structures 1, 2, 3, ..., as binary segmentations require."""
    values = [structure.value for structure in structures]
    if values == list(range(1, len(values) + 1)):
        return stored
    lookup = np.zeros(max(int(stored.max(initial=0)), *values) + 1, stored.dtype)
    lookup[values] = np.arange(1, len(values) + 1)
    renumbered: NDArray[Any] = lookup[stored]
    return renumbered


def _end_frames(source: DicomSource) -> list[int]:
    """Return the indices of the frames of the first and the last slice."""
    order = frame_order(source)
    return [int(np.argmin(order)), int(np.argmax(order))]


def _mark_ends(ends: list[NDArray[Any]]) -> list[int]:
    """Set one voxel of segment 1 in an empty first (0) or last (-1) slice; return which were empty.

    Empty frames are omitted, so the extent of the volume would be lost.
    """
    marks = [place for place in (0, -1) if not ends[place].any()]
    for place in marks:
        ends[place][0, 0] = 1
    return marks


def _unmark(dataset: Any, positions_mm: NDArray[np.float64]) -> None:  # noqa: ANN401
    """Clear the bits that :func:`_mark_ends` set in segment 1 of the slices at these positions."""
    if not len(positions_mm):
        return
    frames = dataset.PerFrameFunctionalGroupsSequence
    own = {
        index: np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=np.float64)
        for index, frame in enumerate(frames)
        if "SegmentIdentificationSequence" not in frame
        or frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1
    }
    pixels = bytearray(dataset.PixelData)
    for position in positions_mm:
        place = min(own, key=lambda index: float(np.abs(own[index] - position).sum()))
        byte, bit = divmod(place * dataset.Rows * dataset.Columns, 8)
        pixels[byte] &= ~(1 << bit) & 0xFF
    dataset.PixelData = bytes(pixels)
