"""Inflate DICOM files of the deflated transfer syntax, up to a limit."""

import io
import zlib
from typing import IO

from amcnet.errors import InputError
from amcnet.io.dicom.locations import Location
from amcnet.io.dicom.zip_archive import ALWAYS_FINE_BYTES, MAX_RATIO
from amcnet.memory import check_room

_DEFLATED_UID = b"1.2.840.10008.1.2.1.99"
_PLAIN_UID = b"1.2.840.10008.1.2.1\0\0\0"  # explicit VR little endian, of the same length
_SYNTAX_ELEMENT = b"\x02\x00\x10\x00UI"
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_START = 132  # of the file meta information, which follows the preamble and the magic bytes
_STEP = 1 << 20


def is_deflated(beginning: bytes) -> bool:
    """Return whether a file has the deflated transfer syntax, judging by its first 4 kB."""
    start = beginning.find(_SYNTAX_ELEMENT)
    return start >= 0 and beginning[start + 8 :].startswith(_DEFLATED_UID)


def inflate(stream: IO[bytes], location: Location) -> IO[bytes]:
    """Return the inflated form of a deflated file.

    pydicom would inflate it without a limit.

    Args:
        stream: The file, in any position.
        location: Name of the file in error messages.

    Raises:
        InputError: If it is truncated or damaged, or inflates to an implausible size for a scan.
        NotEnoughMemoryError: If it does not fit into memory.
    """
    stream.seek(0)
    content = stream.read()
    if not content[_START:].startswith(_GROUP_LENGTH):
        raise InputError(f"{location}: is damaged, expected the length of its meta information")
    length = int.from_bytes(content[_START + 8 : _START + 12], "little")
    end = _START + 12 + length
    limit = max(MAX_RATIO * len(content), ALWAYS_FINE_BYTES)
    check_room(f"{location}", min(limit, 4 * len(content)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    whole = io.BytesIO()
    whole.write(content[:end].replace(_DEFLATED_UID, _PLAIN_UID, 1))
    rest = content[end:]
    try:
        while rest and not inflater.eof:
            whole.write(inflater.decompress(rest, _STEP))
            rest = inflater.unconsumed_tail
            if whole.tell() > limit:
                raise InputError(
                    f"{location}: inflates to more than {MAX_RATIO} times its size, expected a scan"
                )
    except zlib.error:
        raise InputError(f"{location}: is damaged, expected an intact deflated file") from None
    if not inflater.eof:
        raise InputError(f"{location}: the file is truncated, expected a whole deflated file")
    whole.seek(0)
    return whole
