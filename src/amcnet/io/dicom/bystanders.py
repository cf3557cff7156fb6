"""Distinguish unrelated files in the folder of a series from damaged images of the series."""

from pathlib import PurePosixPath

from amcnet.errors import InputError
from amcnet.io.dicom.locations import DICOM_EXTENSIONS, DIRECTORY_NAME, Location

_BYSTANDERS = (
    "readme", "license", "licence", "copying", "notice", "changelog", "version", "lockfile",
    "index", "makefile", "autorun",
)  # fmt: skip
_TEXT_BYTES = 4096
_MAX_SUFFIX = 10


def check_bystander(location: Location, suffixes: dict[PurePosixPath, set[str]]) -> None:
    """Check that a file without DICOM content does not look like a damaged image.

    A file claims to be an image if its name says so, or if it has the same suffix as the DICOM
    files of its folder (an empty file: of any folder) and is not text.

    Args:
        location: The file.
        suffixes: Suffixes of the DICOM files in each folder.

    Raises:
        InputError: If it does look like one.
    """
    name = location.name
    if name.name.upper() == DIRECTORY_NAME or any(
        extension in name.name.lower() for extension in DICOM_EXTENSIONS
    ):
        raise InputError(f"{location}: {what_is(location)}, expected a DICOM image")
    if name.stem.casefold() in _BYSTANDERS:
        return
    alike = suffixes.get(name.parent, set())
    if not location.num_bytes:
        alike = set().union(*suffixes.values()) if suffixes else set()
    if name_suffix(name) in alike and not _is_text(location):
        raise InputError(
            f"{location}: {what_is(location)}, expected a DICOM image like the other files of "
            "its folder"
        )


def name_suffix(name: PurePosixPath) -> str:
    """Return the suffix of a file name; the end of a UID (``1.2.840.5``) is not a suffix."""
    suffix = name.suffix.lower()
    return suffix if len(suffix) <= _MAX_SUFFIX and not suffix[1:].isdigit() else ""


def _is_text(location: Location) -> bool:
    with location.open_header() as stream:
        beginning = stream.read(_TEXT_BYTES)
    text = beginning.decode("utf-8", errors="ignore")
    is_utf8 = len(beginning) - len(text.encode("utf-8")) < 4  # the last character may be incomplete
    return bool(text) and is_utf8 and all(one.isprintable() or one.isspace() for one in text)


def what_is(location: Location) -> str:
    """Return the fault of a file without DICOM content, as part of a sentence."""
    if not location.num_bytes:
        return "the file is empty (0 bytes)"
    return "the content is not DICOM ('DICM' at byte 128 is absent)"
