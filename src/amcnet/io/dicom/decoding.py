"""Which library decodes what, and what is checked before some of them may see it.

GDCM ends the whole process on some damaged images: it decodes only what nothing else can, and
only where the compressed data say themselves that they have the size of the header. CharLS works
for seconds on a frame that was cut off.
"""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.extras import require_extra
from amcnet.io.dicom.headers import whole_number
from amcnet.io.dicom.locations import Location

_PLUGINS = {
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG baseline
    "1.2.840.10008.1.2.4.80": "pyjpegls",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81": "pyjpegls",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.90": "pillow",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91": "pillow",  # JPEG 2000
}
_GDCM_ONLY = (
    "1.2.840.10008.1.2.4.51",  # JPEG extended, 12 bits
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
)
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA


def decode(pydicom: Any, stream: Any, header: Any, location: Location) -> Iterator[NDArray[Any]]:  # noqa: ANN401
    """Decode the frames of an image one after the other.

    Args:
        pydicom: The module.
        stream: The file, from its beginning.
        header: Its header.
        location: What it is called in an error.

    Raises:
        InputError: If the compressed data are not of the size that the header says, or were cut
            off. Decoders raise errors of their own.
    """
    syntax = header.file_meta.TransferSyntaxUID
    plugin = _PLUGINS.get(syntax, "")
    if plugin == "pyjpegls":
        require_extra("dicom", f"{location}: reading JPEG-LS")
    if syntax not in (*_GDCM_ONLY, *_JPEG_LS):
        yield from pydicom.pixels.iter_pixels(stream, decoding_plugin=plugin)
        return
    stream.seek(0)
    image = pydicom.dcmread(stream)
    count = whole_number(image, "NumberOfFrames", 1)
    frames = pydicom.encaps.generate_frames(image.PixelData, number_of_frames=count)
    if syntax in _JPEG_LS:
        if not all(frame.rstrip(b"\0").endswith(_END_OF_IMAGE) for frame in frames):
            raise InputError(f"{location}: its JPEG data are cut off, expected whole frames")
        yield from pydicom.pixels.iter_pixels(image, decoding_plugin=plugin)
        return
    expected = tuple(whole_number(image, k) for k in ("Rows", "Columns", "SamplesPerPixel"))
    allocated = whole_number(image, "BitsAllocated")
    for frame in frames:
        bits, *found = _jpeg_size(frame)
        if tuple(found) != expected or not 0 < bits <= allocated:
            raise InputError(
                f"{location}: its JPEG data are of {found} and {bits} bits, expected "
                f"{list(expected)} and at most {allocated} bits"
            )
    yield from pydicom.pixels.iter_pixels(image, decoding_plugin="gdcm")


def _jpeg_size(frame: bytes) -> tuple[int, int, int, int]:
    """Return bits, rows, columns and samples that a JPEG frame has by its own header.

    All are 0 where it has none, or no data after it.
    """
    place = 2
    while frame[:2] == b"\xff\xd8" and place + 9 < len(frame) and frame[place] == 0xFF:
        marker, length = frame[place + 1], int.from_bytes(frame[place + 2 : place + 4], "big")
        if marker in _START_OF_FRAME:
            rows = int.from_bytes(frame[place + 5 : place + 7], "big")
            columns = int.from_bytes(frame[place + 7 : place + 9], "big")
            return frame[place + 4], rows, columns, frame[place + 9]
        if marker == _START_OF_SCAN:
            break
        place += 2 + length
    return 0, 0, 0, 0
