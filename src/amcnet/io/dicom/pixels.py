"""Decode the frames of DICOM images one by one into one array of intensities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import AmcnetError, InputError, count_text
from amcnet.io.colour import Colour
from amcnet.io.dicom.decoding import decode
from amcnet.io.dicom.headers import is_compressed, numbers, open_dicom, value_of, whole_number
from amcnet.io.dicom.intensities import Changes, intensities_of, tint_of
from amcnet.io.dicom.locations import Location
from amcnet.io.dicom.pixel_element import PixelElement
from amcnet.io.dicom.quiet_libraries import quiet_pydicom
from amcnet.io.dicom.zip_archive import ALWAYS_FINE_BYTES, MAX_RATIO
from amcnet.memory import GIB, check_room

_FRAME_OVERHEAD_BYTES = 8  # bytes before the first byte of each compressed frame
_COPIES = 2  # the stored array and the array in canonical order
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "PALETTE COLOR")
_NEEDED = ("BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation")
_LIKE = ("BitsAllocated", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation")


@dataclass(frozen=True)
class Rescale:
    """Intensity = stored value x slope + intercept."""

    slope: float = 1.0
    intercept: float = 0.0


def rescale_of(item: Any, name: str) -> Rescale:  # noqa: ANN401
    """Return the rescaling that a header or a functional group states.

    Raises:
        InputError: If the slope is zero, or either is not finite.
    """
    slope = (numbers(item, "RescaleSlope", 1) or (1.0,))[0]
    intercept = (numbers(item, "RescaleIntercept", 1) or (0.0,))[0]
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise InputError(
            f"{name}: RescaleSlope is {slope:g} and RescaleIntercept {intercept:g}, expected "
            "finite numbers and a slope other than 0"
        )
    return Rescale(slope, intercept)


def rescales_of_frames(header: Any, frames: int, name: str) -> list[Rescale]:  # noqa: ANN401
    """Return the rescaling of each frame of a multi-frame image."""
    shared = value_of(header, "SharedFunctionalGroupsSequence") or ()
    own = value_of(header, "PerFrameFunctionalGroupsSequence") or [()] * frames
    found = []
    for item in own:
        groups = [group for group in (item, *shared) if group]
        inner = [value_of(group, "PixelValueTransformationSequence") for group in groups]
        found.append(rescale_of(next((one[0] for one in inner if one), header), name))
    return found


def check_like(headers: Sequence[Any], name: str) -> None:
    """Check that images have the same size and pixel format.

    Raises:
        InputError: If they differ, or their pixel format is not supported.
    """
    first = headers[0]
    absent = [keyword for keyword in _NEEDED if value_of(first, keyword) is None]
    if absent:
        raise InputError(f"{name}: states no {' and no '.join(absent)}, expected a DICOM image")
    sizes = {(whole_number(one, "Rows"), whole_number(one, "Columns")) for one in headers}
    if len(sizes) > 1:
        listed = " and ".join(f"{rows} x {columns}" for rows, columns in sorted(sizes)[:3])
        raise InputError(f"{name}: its images are of {listed} pixels, expected one size")
    for keyword in _LIKE:
        values = {str(value_of(one, keyword)) for one in headers}
        if len(values) > 1:
            listed = " and ".join(sorted(values)[:3])
            raise InputError(
                f"{name}: {keyword} is {listed}, expected the same value in all images"
            )
    kind = value_of(first, "PhotometricInterpretation")
    if kind not in (*_GREY, *_COLOUR) and not str(kind).startswith("YBR_"):
        raise InputError(
            f"{name}: PhotometricInterpretation is {kind}, expected greyscale or colour"
        )


def check_length(
    header: Any,  # noqa: ANN401
    pixels: PixelElement,
    frames: int,
    location: Location,
) -> None:
    """Check that the pixels of a file match its header, before memory is allocated.

    Args:
        header: Header of the file.
        pixels: Position of its pixels.
        frames: Number of frames.
        location: Name of the file in error messages.

    Raises:
        InputError: If they are truncated, have more frames than the header states, or expand to an
            implausible size.
    """
    if not is_compressed(header, location):
        check_native_length(header, pixels, frames, location)
        return
    expected, present = ceil(frames * _frame_bytes(header)), pixels.file_bytes - pixels.start
    if present < frames * _FRAME_OVERHEAD_BYTES:
        raise InputError(
            f"{location}: the file is truncated, found {present} bytes of pixels, expected more "
            f"for {count_text(frames, 'frame')}"
        )
    if expected > max(MAX_RATIO * present, ALWAYS_FINE_BYTES):
        raise InputError(
            f"{location}: its pixels unpack from {present / GIB:.3f} to {expected / GIB:.1f} GiB "
            f"according to its header, expected at most {MAX_RATIO} times their size"
        )


def check_native_length(
    header: Any,  # noqa: ANN401
    pixels: PixelElement,
    frames: int,
    location: Location,
) -> None:
    """Check that the number of uncompressed pixels matches the header.

    Raises:
        InputError: If there are fewer or more.
    """
    expected, present = ceil(frames * _frame_bytes(header)), pixels.file_bytes - pixels.start
    stated = expected if pixels.num_bytes is None else pixels.num_bytes
    if min(stated, present) < expected:
        raise InputError(
            f"{location}: the file is truncated, found {max(0, min(stated, present))} bytes of "
            f"pixels, expected {expected} for {count_text(frames, 'frame')}"
        )
    row_bytes = _frame_bytes(header) / max(1, whole_number(header, "Rows"))
    if stated > expected + max(1, row_bytes):  # padding; some devices write more than one byte
        raise InputError(
            f"{location}: NumberOfFrames is {frames}, which needs {expected} bytes of pixels, "
            f"but the file has {stated}, expected the same"
        )


def _frame_bytes(header: Any) -> float:  # noqa: ANN401
    """Return the size of an uncompressed frame; frames of single bits may end within a byte."""
    bits = whole_number(header, "BitsAllocated", 8) * whole_number(header, "SamplesPerPixel", 1)
    if value_of(header, "PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    return whole_number(header, "Rows") * whole_number(header, "Columns") * bits / 8


@dataclass(frozen=True)
class StoredFrames:
    """The frames of a volume, not yet decoded.

    Attributes:
        locations: One file per frame, or one file for all frames.
        order: Index of the frame of each slice.
        header: The header of the first file.
        rescales: Rescaling of each frame.
        spacing_is_given: Whether the user stated the voxel size; regions that contradict the image
            are then ignored.
    """

    locations: Sequence[Location]
    order: NDArray[np.intp]
    header: Any = field(repr=False)
    rescales: Sequence[Rescale]
    spacing_is_given: bool = False


def read_frames(stored: StoredFrames, name: str, colour: Colour = "luma") -> NDArray[Any]:
    """Decode frames into an array of intensities (slice, row, column).

    If a header states an ultrasound region, pixels outside it (burned-in text and scales) are set
    to 0, as is padding. Changes are reported in the log.

    Args:
        stored: The frames.
        name: Name of the volume in error messages.
        colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.

    Returns:
        The array, in the stored dtype if no value has to be rescaled, else float32 (float64 for
        32-bit values).

    Raises:
        InputError: If a frame cannot be decoded, or has colour and colour is refused.
        NotEnoughMemoryError: If the array does not fit into memory.
    """
    header, order = stored.header, stored.order
    shape = (len(order), whole_number(header, "Rows"), whole_number(header, "Columns"))
    plain = all(rescale == Rescale() for rescale in stored.rescales)
    item_bytes = max(whole_number(header, "BitsAllocated", 8) // 8, 1 if plain else 4)
    check_room(name, _COPIES * prod(shape) * item_bytes)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    changes = Changes()
    array: NDArray[Any] | None = None
    for index, (location, frame, hidden) in enumerate(_decoded(stored, colour, changes)):
        if index >= len(order) or frame.shape != shape[1:]:
            raise InputError(
                f"{location}: a frame has the shape {frame.shape}, expected {shape[1:]}"
            )
        if array is None:
            real = np.float64 if frame.dtype.itemsize > 2 else np.float32
            array = np.empty(shape, frame.dtype.newbyteorder("=") if plain else real)
        plane = array[place[index]]
        if plain:
            plane[...] = frame
        else:
            rescale = stored.rescales[index]
            plane[...] = frame * array.dtype.type(rescale.slope) + rescale.intercept
        if hidden is not None:
            changes.masked += int(np.count_nonzero(plane[hidden]))
            plane[hidden] = 0
    if array is None or index + 1 < len(order):
        found = 0 if array is None else index + 1
        raise InputError(f"{name}: holds {count_text(found, 'frame')}, expected {len(order)}")
    changes.report(name)
    return array


def _decoded(
    stored: StoredFrames, colour: Colour, changes: Changes
) -> Iterator[tuple[Location, NDArray[Any], NDArray[np.bool_] | None]]:
    """Return all frames as intensities in the order of the files.

    Each comes with its file and a mask of the pixels to set to 0 (None for no pixels).
    """
    for location in stored.locations:
        syntax = ""
        try:
            with quiet_pydicom() as pydicom, open_dicom(location, whole=True) as stream:
                if stream is None:
                    raise InputError(f"{location}: is no longer a DICOM file")
                header = pydicom.dcmread(stream, stop_before_pixels=True)
                syntax = header.file_meta.TransferSyntaxUID.name
                outside = changes.outside(header, location, stored.spacing_is_given)
                for frame in decode(pydicom, stream, header, location):
                    tint = tint_of(pydicom, frame, header)
                    if tint is not None:
                        changes.count(tint, outside)
                        if colour == "refuse" and changes.coloured:
                            raise InputError(f"{location}: has colours, expected a grey image")
                    hidden = changes.hidden(frame, header, outside)
                    yield location, intensities_of(pydicom, frame, header), hidden
        except (AmcnetError, MemoryError, GeneratorExit):
            raise
        except OSError as error:
            reason = error.strerror or "no more data"
            raise InputError(f"{location}: cannot be read ({reason})") from None
        except Exception as error:  # decoders raise different exceptions
            how = f" ({syntax}, {type(error).__name__})" if syntax else ""
            raise InputError(
                f"{location}: its pixels cannot be decoded, expected a complete image{how}"
            ) from None
