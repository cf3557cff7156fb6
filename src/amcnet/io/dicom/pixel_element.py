"""The pixel data element of a file: its length, and its compressed frames."""

from dataclasses import dataclass
from typing import IO, Any

from amcnet.errors import InputError
from amcnet.io.dicom.locations import Location

_PIXEL_GROUP = 0x7FE0
_PIXEL_ELEMENTS = (0x0008, 0x0009, 0x0010)
_UNDEFINED = 0xFFFFFFFF
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_FRAME_STARTS = (
    b"\xff\xd8",  # JPEG and JPEG-LS
    b"\xff\x4f\xff\x51",  # JPEG 2000
    b"\0\0\0\x0cjP  ",  # JPEG 2000 in its file format (JP2)
)
_RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True)
class PixelElement:
    """Position of the pixels in a file.

    Attributes:
        start: Position of the first byte after the element's own header.
        num_bytes: Number of bytes; None if the pixels are compressed.
        file_bytes: Size of the whole file, unpacked.
    """

    start: int
    num_bytes: int | None
    file_bytes: int


@dataclass(frozen=True)
class Fragment:
    """A piece of compressed data, at most one frame.

    Attributes:
        start: Position of its first byte in the file.
        num_bytes: Its length.
    """

    start: int
    num_bytes: int


def read_pixel_element(stream: IO[bytes], header: Any, file_bytes: int) -> PixelElement | None:  # noqa: ANN401
    """Read the start of the pixel data, where pydicom stopped; None if there are no pixels.

    Args:
        stream: The file, positioned where pydicom stopped after the header.
        header: Header of the file.
        file_bytes: Size of the file.
    """
    syntax = header.file_meta.get("TransferSyntaxUID", "")
    order = "big" if syntax == "1.2.840.10008.1.2.2" else "little"
    is_implicit = syntax == "1.2.840.10008.1.2"
    start = stream.tell()
    tag = stream.read(4)
    group, element = (int.from_bytes(part, order) for part in (tag[:2], tag[2:]))  # type: ignore[arg-type]
    if len(tag) < 4 or group != _PIXEL_GROUP or element not in _PIXEL_ELEMENTS:
        return None
    skipped = 0 if is_implicit else 4
    field = stream.read(skipped + 4)
    if len(field) < skipped + 4:
        return None
    length = int.from_bytes(field[skipped:], order)  # type: ignore[arg-type]
    return PixelElement(start + 8 + skipped, None if length == _UNDEFINED else length, file_bytes)


def split_frames(
    stream: IO[bytes],
    pixels: PixelElement,
    header: Any,  # noqa: ANN401
    frames: int,
    location: Location,
) -> list[list[Fragment]]:
    """Return the fragments of each compressed frame.

    Args:
        stream: The file.
        pixels: Position of its pixels.
        header: Header of the file.
        frames: Number of frames according to the header.
        location: Name of the file in error messages.

    Raises:
        InputError: If the data are truncated, or the number of frames differs from the header.
    """
    fragments = _fragments(stream, pixels, location)[1:]  # the first fragment is the offset table
    if header.file_meta.TransferSyntaxUID == _RLE:
        starts = list(range(len(fragments)))
    else:
        starts = [index for index, one in enumerate(fragments) if _begins_frame(stream, one)]
    if len(starts) != frames or (starts and starts[0]):
        raise InputError(
            f"{location}: NumberOfFrames is {frames} but its compressed data hold {len(starts)} "
            "frames, expected the same number"
        )
    ends = [*starts[1:], len(fragments)]
    return [fragments[start:end] for start, end in zip(starts, ends, strict=True)]


def _fragments(stream: IO[bytes], pixels: PixelElement, location: Location) -> list[Fragment]:
    size = stream.seek(0, 2)
    found: list[Fragment] = []
    place = pixels.start
    while place < size:
        stream.seek(place)
        item = stream.read(8)
        if item[:4] == _END:
            return found
        length = int.from_bytes(item[4:], "little")
        if len(item) < 8 or item[:4] != _ITEM or place + 8 + length > size:
            raise InputError(
                f"{location}: its compressed data are truncated, expected whole frames"
            )
        found.append(Fragment(place + 8, length))
        place += 8 + length
    return found  # some writers omit the end marker


def _begins_frame(stream: IO[bytes], fragment: Fragment) -> bool:
    stream.seek(fragment.start)
    return stream.read(min(8, fragment.num_bytes)).startswith(_FRAME_STARTS)
