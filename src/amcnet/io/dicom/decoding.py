"""Check and decode the frames of an image, with one library for each transfer syntax.

GDCM terminates the whole process on some damaged images, and other decoders allocate whatever size
a frame states, so the size in the frame is first compared with the header. CharLS works for seconds
on a truncated frame.
"""

from collections.abc import Iterator
from typing import IO, Any

from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.extras import require_extra
from amcnet.io.dicom.frame_size import FrameSize, size_of_frame
from amcnet.io.dicom.headers import is_compressed, whole_number
from amcnet.io.dicom.locations import Location
from amcnet.io.dicom.pixel_element import Fragment, read_pixel_element, split_frames

_PLUGINS = {
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG baseline
    "1.2.840.10008.1.2.4.51": "gdcm",  # JPEG extended, 12 bits
    "1.2.840.10008.1.2.4.57": "gdcm",  # JPEG lossless
    "1.2.840.10008.1.2.4.70": "gdcm",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": "pyjpegls",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81": "pyjpegls",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.90": "pillow",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91": "pillow",  # JPEG 2000
}
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_RLE = "1.2.840.10008.1.2.5"
_MAX_RLE_RATIO = 64  # two bytes encode at most 128 pixels
_RLE_HEADER_BYTES = 64
_END_OF_IMAGE = b"\xff\xd9"


def decode(
    pydicom: Any,  # noqa: ANN401
    stream: IO[bytes],
    header: Any,  # noqa: ANN401
    location: Location,
) -> Iterator[NDArray[Any]]:
    """Decode the frames of an image one by one.

    Args:
        pydicom: The module.
        stream: The file, positioned where pydicom stopped after the header.
        header: Header of the file.
        location: Name of the file in error messages.

    Raises:
        InputError: If the pixels are missing or truncated, or the compressed data state another
            size or number of frames than the header. Errors of the decoders are not converted.
    """
    if is_compressed(header, location):
        _check_compressed(stream, header, location)
    plugin = _PLUGINS.get(header.file_meta.TransferSyntaxUID, "")
    if plugin == "pyjpegls":
        require_extra("dicom", f"{location}: reading JPEG-LS")
    stream.seek(0)
    yield from pydicom.pixels.iter_pixels(stream, decoding_plugin=plugin)


def _check_compressed(stream: IO[bytes], header: Any, location: Location) -> None:  # noqa: ANN401
    pixels = read_pixel_element(stream, header, location.num_bytes)
    if pixels is None or pixels.num_bytes is not None:
        raise InputError(
            f"{location}: holds no compressed pixels, expected them according to its header"
        )
    count = whole_number(header, "NumberOfFrames", 1)
    frames = split_frames(stream, pixels, header, count, location)
    check = _check_rle if header.file_meta.TransferSyntaxUID == _RLE else _check_jpeg
    for fragments in frames:
        check(stream, header, fragments, location)


def _check_rle(
    stream: IO[bytes],
    header: Any,  # noqa: ANN401
    fragments: list[Fragment],
    location: Location,
) -> None:
    expected = _frame_bytes(header)
    found = sum(one.num_bytes for one in fragments) - _RLE_HEADER_BYTES
    if found * _MAX_RLE_RATIO < expected:
        raise InputError(
            f"{location}: its RLE data of {max(0, found)} bytes cannot hold a frame of "
            f"{expected} bytes, expected whole frames"
        )


def _check_jpeg(
    stream: IO[bytes],
    header: Any,  # noqa: ANN401
    fragments: list[Fragment],
    location: Location,
) -> None:
    stream.seek(fragments[0].start)
    found = size_of_frame(stream.read(fragments[0].num_bytes))
    expected = [whole_number(header, key) for key in ("Rows", "Columns", "SamplesPerPixel")]
    allocated = whole_number(header, "BitsAllocated")
    if list(found[1:]) != expected or not 0 < found.bits <= allocated:
        raise InputError(
            f"{location}: its compressed data are of {_text(found)}, expected "
            f"{_text(FrameSize(allocated, *expected))} according to its header"
        )
    if header.file_meta.TransferSyntaxUID not in _JPEG_LS:
        return
    last = fragments[-1]
    stream.seek(last.start)
    if not stream.read(last.num_bytes).rstrip(b"\0").endswith(_END_OF_IMAGE):
        raise InputError(f"{location}: its JPEG data are truncated, expected whole frames")


def _frame_bytes(header: Any) -> int:  # noqa: ANN401
    keys = ("Rows", "Columns", "SamplesPerPixel")
    rows, columns, samples = (whole_number(header, key, 1) for key in keys)
    return rows * columns * samples * max(1, whole_number(header, "BitsAllocated") // 8)


def _text(size: FrameSize) -> str:
    return f"{size.rows} x {size.columns} x {size.samples} with up to {size.bits} bits"
