"""Read the lines of a text header, limited in number and length."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from amcnet.errors import InputError

_MOST_LINES = 200_000
_MOST_BYTES = 1 << 25
_FRAME_FIELD = re.compile(r"Seq_Frame([0-9]+)_.*Transform")


def header_lines(path: Path, stream: BinaryIO) -> Iterator[str]:
    """Yield the lines of a header without their line ends, until the caller stops or the file ends.

    Text is UTF-8; other bytes are kept as surrogates, which :func:`check_text` refuses where a
    field is used.

    Raises:
        InputError: If it is too long for a header.
    """
    count = num_bytes = 0
    while line := stream.readline(_MOST_BYTES):
        count += 1
        num_bytes += len(line)
        if count > _MOST_LINES or num_bytes >= _MOST_BYTES:
            raise InputError(
                f"{path}: the header has more than {_MOST_LINES} lines or {_MOST_BYTES >> 20} MiB, "
                "expected a shorter one"
            )
        text = line.decode("utf-8", errors="surrogateescape").rstrip("\r\n")
        yield text.removeprefix("\ufeff") if count == 1 else text  # a byte order mark


def check_text(path: Path, name: str, text: str) -> str:
    """Return the text of a field, and refuse undecodable text.

    Raises:
        InputError: If it is not UTF-8.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: {name} is {text!a}, expected UTF-8 text") from error
    return text


def count_tracked_frames(fields: Mapping[str, str]) -> int:
    """Return the number of frames with their own transform, as PLUS and 3D Slicer write them."""
    matches = (_FRAME_FIELD.fullmatch(name) for name in fields)
    return len({match[1] for match in matches if match})
