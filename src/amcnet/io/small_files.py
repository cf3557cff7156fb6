"""Reading texts, JSON and TOML that may come from strangers: regular files of a bounded size."""

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
        expected: What the file should be, for errors, such as ``"an evaluation"``.

    Raises:
        InputError: If it is no regular file (a named pipe would block), has more than 64 MiB, or
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
    """Return what a JSON file holds.

    Raises:
        InputError: If it cannot be read, is no JSON, or is nested too deeply.

    >>> _ = Path("scores.json").write_text('{"dice": 0.9}')
    >>> read_json(Path("scores.json"), "an evaluation")
    {'dice': 0.9}
    """
    try:
        return json.loads(read_small_file(path, expected).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({error}), expected {expected}") from error


def read_toml(path: Path, expected: str) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        InputError: If it cannot be read, is no TOML, has more than 1 MiB, or is nested too deeply.
    """
    content = read_small_file(path, expected)
    if len(content) > _MOST_TOML_BYTES:
        raise InputError(f"{path}: has more than {_MOST_TOML_BYTES} bytes, expected {expected}")
    try:
        text = content.decode("utf-8-sig")
        # The time that the parser takes for a key grows with the square of its parts.
        if any(line.partition("=")[0].count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a key has more than {_MOST_DOTS} parts")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no valid TOML ({error}), expected {expected}") from error
