"""Read the size of a compressed frame from its header, without decoding."""

from typing import NamedTuple

_START_OF_FRAME = ({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}  # 0xF7: JPEG-LS
_START_OF_SCAN = 0xDA
_CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000: start of codestream, then the size
_JP2 = b"\0\0\0\x0cjP  "


class FrameSize(NamedTuple):
    """Properties stated in the header of a frame; all 0 if none are stated."""

    bits: int
    rows: int
    columns: int
    samples: int


def size_of_frame(frame: bytes) -> FrameSize:
    """Return the properties stated in the header of a JPEG, JPEG-LS or JPEG 2000 frame."""
    if frame.startswith((_CODESTREAM, _JP2)):
        return _jpeg_2000_size(frame)
    return _jpeg_size(frame)


def _jpeg_size(frame: bytes) -> FrameSize:
    place = 2
    while frame[:2] == b"\xff\xd8" and place + 9 < len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker in _START_OF_FRAME:
            rows, columns = _number(frame, place + 5, 2), _number(frame, place + 7, 2)
            return FrameSize(frame[place + 4], rows, columns, frame[place + 9])
        if marker == _START_OF_SCAN:
            break
        place += 1 if marker == 0xFF else 2 + _number(frame, place + 2, 2)  # 0xFF fills
    return FrameSize(0, 0, 0, 0)


def _jpeg_2000_size(frame: bytes) -> FrameSize:
    place = frame.find(_CODESTREAM)
    if place < 0 or place + 43 > len(frame):
        return FrameSize(0, 0, 0, 0)
    right, bottom, left, top = (_number(frame, place + 8 + 4 * index, 4) for index in range(4))
    bits, samples = (frame[place + 42] & 0x7F) + 1, _number(frame, place + 40, 2)
    return FrameSize(bits, max(0, bottom - top), max(0, right - left), samples)


def _number(frame: bytes, place: int, length: int) -> int:
    return int.from_bytes(frame[place : place + length], "big")
