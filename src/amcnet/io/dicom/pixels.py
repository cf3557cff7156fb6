"""Frames of DICOM images, decoded one after the other into one array of grey values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import AmcnetError, InputError
from amcnet.io.dicom.decoding import decode
from amcnet.io.dicom.headers import is_compressed, numbers, value_of, whole_number
from amcnet.io.dicom.library import quiet_pydicom
from amcnet.io.dicom.locations import Location
from amcnet.memory import check_room

_FRAME_OVERHEAD_BYTES = 8  # of each frame that is compressed, before its first byte
_COPIES = 2  # the stored array and that in canonical order
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "PALETTE COLOR")
_LIKE = ("BitsAllocated", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation")


@dataclass(frozen=True)
class Rescale:
    """Grey value = stored value x slope + intercept."""

    slope: float = 1.0
    intercept: float = 0.0


def rescale_of(item: Any, name: str) -> Rescale:  # noqa: ANN401
    """Return what a header, or a functional group, says of its values.

    Raises:
        InputError: If the slope is zero, or one of both is not finite.
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
    """Return what a multi-frame image says of the values of each frame."""
    shared = value_of(header, "SharedFunctionalGroupsSequence") or ()
    own = value_of(header, "PerFrameFunctionalGroupsSequence") or [()] * frames
    found = []
    for item in own:
        groups = [group for group in (item, *shared) if group]
        inner = [value_of(group, "PixelValueTransformationSequence") for group in groups]
        found.append(rescale_of(next((one[0] for one in inner if one), header), name))
    return found


def check_like(headers: Sequence[Any], name: str) -> None:
    """Check that images have the same size and kind of pixels.

    Raises:
        InputError: If not, or if the kind is none that can be read.
    """
    first = headers[0]
    sizes = {(whole_number(one, "Rows"), whole_number(one, "Columns")) for one in headers}
    if len(sizes) > 1:
        listed = " and ".join(f"{rows} x {columns}" for rows, columns in sorted(sizes)[:3])
        raise InputError(f"{name}: its images are of {listed} pixels, expected one size")
    for keyword in _LIKE:
        values = {str(value_of(one, keyword)) for one in headers}
        if len(values) > 1:
            listed = " and ".join(sorted(values)[:3])
            raise InputError(f"{name}: {keyword} is {listed}, expected one of them in all images")
    kind = value_of(first, "PhotometricInterpretation")
    if kind not in (*_GREY, *_COLOUR) and not str(kind).startswith("YBR_"):
        raise InputError(f"{name}: PhotometricInterpretation is {kind}, expected grey values")


def check_length(header: Any, frames: int, location: Location) -> None:  # noqa: ANN401
    """Check, before any memory is taken, that a file is long enough for what its header says.

    Raises:
        InputError: If it is not.
    """
    if is_compressed(header, location):
        least = frames * _FRAME_OVERHEAD_BYTES
    else:
        bits = whole_number(header, "BitsAllocated", 8) * whole_number(header, "SamplesPerPixel", 1)
        if value_of(header, "PhotometricInterpretation") == "YBR_FULL_422":
            bits = bits * 2 // 3
        pixels = whole_number(header, "Rows") * whole_number(header, "Columns")
        least = ceil(frames * pixels * bits / 8)
    if location.num_bytes < least:
        raise InputError(
            f"{location}: the file is truncated, found {location.num_bytes} bytes, expected "
            f"at least {least} for {frames} frames"
        )


def read_frames(
    locations: Sequence[Location],
    order: NDArray[np.intp],
    header: Any,  # noqa: ANN401
    rescales: Sequence[Rescale],
    name: str,
) -> NDArray[Any]:
    """Decode frames into an array (slice, row, column).

    Args:
        locations: A file for each frame, or one that holds them all.
        order: Index of the frame that each slice is.
        header: That of the first file.
        rescales: One for each frame. Where all are 1 and 0 the array has the stored type, else
            float32 (float64 for values of 32 bits).
        name: What the volume is called in an error.

    Raises:
        InputError: If a frame cannot be decoded or has colours.
        NotEnoughMemoryError: If the machine is too small for the array.
    """
    rows, columns = whole_number(header, "Rows"), whole_number(header, "Columns")
    shape = (len(order), rows, columns)
    plain = all(rescale == Rescale() for rescale in rescales)
    item_bytes = max(whole_number(header, "BitsAllocated", 8) // 8, 1 if plain else 4)
    check_room(name, _COPIES * prod(shape) * item_bytes)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    array: NDArray[Any] | None = None
    for index, (location, frame) in enumerate(_decoded(locations, len(order))):
        if index >= len(order) or frame.shape != shape[1:]:
            raise InputError(f"{location}: found a frame of {frame.shape}, expected {shape[1:]}")
        if array is None:
            real = np.float64 if frame.dtype.itemsize > 2 else np.float32
            array = np.empty(shape, frame.dtype if plain else real)
        if plain:
            array[place[index]] = frame
        else:
            rescale = rescales[index]
            array[place[index]] = frame * array.dtype.type(rescale.slope) + rescale.intercept
    if array is None or index + 1 < len(order):
        found = 0 if array is None else index + 1
        raise InputError(f"{name}: holds {found} frames, expected {len(order)}")
    return array


def _decoded(locations: Sequence[Location], frames: int) -> Iterator[tuple[Location, NDArray[Any]]]:
    """Return all frames with their files, in the order of the files, as grey values."""
    for location in locations:
        syntax = ""
        try:
            with quiet_pydicom() as pydicom, location.open_whole() as stream:
                header = pydicom.dcmread(stream, stop_before_pixels=True)
                syntax = header.file_meta.TransferSyntaxUID.name
                for frame in decode(pydicom, stream, header, location):
                    yield location, _grey(pydicom, frame, header, location)
        except (AmcnetError, MemoryError, GeneratorExit):
            raise
        except OSError as error:
            reason = error.strerror or "no more data"
            raise InputError(f"{location}: cannot be read ({reason})") from None
        except Exception as error:  # every decoder has errors of its own
            how = f" ({syntax}, {type(error).__name__})" if syntax else ""
            raise InputError(
                f"{location}: its pixels cannot be decoded, expected a complete image{how}"
            ) from None


def _grey(
    pydicom: Any,  # noqa: ANN401
    frame: NDArray[Any],
    header: Any,  # noqa: ANN401
    location: Location,
) -> NDArray[Any]:
    """Return a frame as grey values, the greater the brighter."""
    kind = value_of(header, "PhotometricInterpretation")
    if kind == "PALETTE COLOR":
        frame = pydicom.pixels.apply_color_lut(frame, header)
    if frame.ndim == 3:
        if not (frame == frame[..., :1]).all():
            raise InputError(f"{location}: has colours, expected a grey image")
        frame = frame[..., 0]
    if kind != "MONOCHROME1" or frame.dtype.kind == "f":
        return -frame if kind == "MONOCHROME1" else frame
    bits = whole_number(header, "BitsStored", 8 * frame.dtype.itemsize)
    top = -1 if frame.dtype.kind == "i" else (1 << bits) - 1
    inverted: NDArray[Any] = frame.dtype.type(top) - frame
    return inverted
