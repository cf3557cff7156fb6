"""Locate the voxel data of a MetaImage file: after the header or in separate files."""

import re
from pathlib import Path

from amcnet.errors import InputError, count_text
from amcnet.io.image_header import DataFile
from amcnet.io.input_files import find_data_files
from amcnet.io.nrrd_data_files import is_pattern, numbered_files

_MOST_FILES = 100_000
_TRUE = ("true", "1")


def find_metaimage_data_files(
    path: Path, fields: dict[str, str], listed: list[str], start: int
) -> tuple[DataFile, ...]:
    """Return the files of the voxel data, in order.

    Args:
        path: The header file.
        fields: Its fields.
        listed: The lines after ``ElementDataFile = LIST``.
        start: Offset of the first byte after the header.

    Raises:
        InputError: If a file does not exist or may not be used, or a size is wrong.
    """
    try:
        name = fields["ElementDataFile"]
        is_compressed = fields.get("CompressedData", "False").lower() in _TRUE
        if name.lower() == "local":
            if number_field(fields, "HeaderSize", 0, "0"):
                raise InputError(
                    f"HeaderSize is '{fields['HeaderSize']}' with voxels after the header, "
                    "expected 0"
                )
            return (DataFile(path, start, _compressed_bytes(path, fields, start, is_compressed)),)
        header_size = number_field(fields, "HeaderSize", -1, "0")
        data_start = None if header_size < 0 else header_size
        if name.upper().startswith("LIST") or is_pattern(name):
            names = listed if name.upper().startswith("LIST") else numbered_files(path, name)
            if is_compressed or not 1 <= len(names) <= _MOST_FILES:
                raise InputError(
                    f"its voxels are in {count_text(len(names), 'file')}, expected 1 to "
                    f"{_MOST_FILES} without "
                    "compression"
                )
            return tuple(DataFile(file, data_start) for file in find_data_files(path, names))
        (file,) = find_data_files(path, [name])
        if is_compressed:
            data_start = data_start or 0
            size = _compressed_bytes(file, fields, data_start, is_compressed)
            return (DataFile(file, data_start, size),)
        return (DataFile(file, data_start),)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(f"{path}") else f"{path}: {text}") from None


def _compressed_bytes(
    file: Path, fields: dict[str, str], start: int, is_compressed: bool
) -> int | None:
    """Return the length of the compressed data; None for uncompressed data."""
    if not is_compressed:
        return None
    found = file.stat().st_size - start
    # The length must be stated if the data follow the header; separate files end with the data.
    least = 1 if fields["ElementDataFile"].lower() == "local" else 0
    text = fields.get("CompressedDataSize", "0")
    if not re.fullmatch("[0-9]{1,18}", text) or not least <= int(text) <= found:
        raise InputError(
            f"CompressedDataSize is '{text}', expected {least} to the {found} bytes of the file "
            "(is it truncated?)"
        )
    return int(text) or found


def number_field(fields: dict[str, str], name: str, least: int, otherwise: str) -> int:
    """Return a whole number of the header.

    Raises:
        InputError: If it is not a whole number, or too small. The text has no path.
    """
    text = fields.get(name, otherwise)
    if not re.fullmatch("-?[0-9]{1,15}", text) or int(text) < least:
        raise InputError(f"{name} is '{text}', expected a whole number of at least {least}")
    return int(text)
