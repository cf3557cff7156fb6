"""Read texts, JSON and TOML from untrusted sources: regular files of limited size."""

import json
import tomllib
from pathlib import Path
from typing import Any

from amcnet.errors import InputError
from amcnet.io.input_files import check_regular_file

_MOST_BYTES = 64 * 2**20
_MOST_TOML_BYTES = 2**20
_MOST_DOTS = 200


def read_small_file(path: Path, expected: str) -> bytes:
    """Return the content of a file.

    Args:
        path: The file.
        expected: Description of the expected file for error messages, such as ``"an evaluation"``.

    Raises:
        InputError: If it is not a regular file (a named pipe would block), has more than 64 MiB, or
            cannot be read.
    """
    check_regular_file(path, expected)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}), expected {expected}"
        ) from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path}: has more than {_MOST_BYTES} bytes, expected {expected}")
    return content


def read_json(path: Path, expected: str) -> Any:  # noqa: ANN401
    """Return the content of a JSON file.

    Raises:
        InputError: If it cannot be read, is not JSON, or is nested too deeply.

    >>> _ = Path("scores.json").write_text('{"dice": 0.9}')
    >>> read_json(Path("scores.json"), "an evaluation")
    {'dice': 0.9}
    """
    try:
        return json.loads(_text(read_small_file(path, expected)))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid JSON ({error}), expected {expected}") from error


def read_toml(path: Path, expected: str) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        InputError: If it cannot be read, is not TOML, has more than 1 MiB, or is nested too deeply.
    """
    content = read_small_file(path, expected)
    if len(content) > _MOST_TOML_BYTES:
        raise InputError(f"{path}: has more than {_MOST_TOML_BYTES} bytes, expected {expected}")
    try:
        text = _text(content)
        # The parser's time for a key grows with the square of its number of parts.
        if any(line.partition("=")[0].count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a key has more than {_MOST_DOTS} parts")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid TOML ({error}), expected {expected}") from error


def _text(content: bytes) -> str:
    """Decode a text, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8 text") from error
