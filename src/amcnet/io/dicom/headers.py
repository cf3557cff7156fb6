"""Headers of DICOM files, read without their pixels."""

import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

from amcnet.errors import InputError
from amcnet.io.dicom.library import quiet_pydicom
from amcnet.io.dicom.locations import Location

DIRECTORY_UID = "1.2.840.10008.1.3.10"
ENHANCED_US_UID = "1.2.840.10008.5.1.4.1.1.6.2"
SEG_UIDS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_DEFLATED_UID = b"1.2.840.10008.1.2.1.99"
_SYNTAX_ELEMENT = b"\x02\x00\x10\x00UI"
_META_BYTES = 4096


def read_header(location: Location, tags: Sequence[str] | None = None) -> Any | None:  # noqa: ANN401
    """Read a file's header.

    Args:
        location: The file.
        tags: Keywords of the attributes to read; all where left out.

    Returns:
        A `pydicom.Dataset` without pixels; None for a file that is no DICOM.

    Raises:
        InputError: If it begins as DICOM does and is damaged, or all of it is compressed.
    """
    with quiet_pydicom() as pydicom:
        try:
            with location.open_header() as stream:
                beginning = stream.read(_META_BYTES)
                if beginning[128:132] != b"DICM":
                    return None
                if _is_deflated(beginning):
                    raise InputError(
                        f"{location}: is deflated as a whole, expected another transfer syntax"
                    )
                stream.seek(0)
                return pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=tags)
        except InputError:
            raise
        except (zipfile.BadZipFile, zlib.error):
            raise InputError(f"{location}: is damaged, expected an intact archive") from None
        except OSError as error:
            reason = error.strerror or "no more data"
            raise InputError(f"{location}: cannot be read ({reason})") from None
        except Exception as error:  # pydicom raises many kinds on damaged files
            raise InputError(
                f"{location}: is damaged, expected an intact DICOM file ({type(error).__name__})"
            ) from None


def _is_deflated(beginning: bytes) -> bool:
    """Return whether pydicom would unpack the whole file, to whatever size, for its header."""
    start = beginning.find(_SYNTAX_ELEMENT)
    return start >= 0 and beginning[start + 8 :].startswith(_DEFLATED_UID)


def value_of(dataset: Any, keyword: str) -> Any:  # noqa: ANN401
    """Return the value of an attribute; None where it is absent, empty or unreadable."""
    with quiet_pydicom():  # values are converted now, not when the file was read
        try:
            value = dataset.get(keyword)
        except Exception:  # a value that pydicom cannot convert
            return None
    return None if value is None or value == "" else value


def is_compressed(header: Any, location: Location) -> bool:  # noqa: ANN401
    """Return whether the pixels of an image are compressed.

    Raises:
        InputError: If its transfer syntax is unknown.
    """
    syntax = value_of(header.file_meta, "TransferSyntaxUID")
    try:
        return syntax is not None and bool(syntax.is_compressed)
    except (AttributeError, ValueError):  # several values, or a private one
        raise InputError(f"{location}: its transfer syntax is none of DICOM's") from None


def whole_number(dataset: Any, keyword: str, otherwise: int = 0) -> int:  # noqa: ANN401
    """Return an attribute as a whole number, ``otherwise`` where it is none."""
    try:
        return int(value_of(dataset, keyword))
    except (TypeError, ValueError):
        return otherwise


def numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:  # noqa: ANN401
    """Return an attribute of several numbers; None where it is absent or no such thing."""
    value = value_of(dataset, keyword)
    try:
        found = (float(value),) if count == 1 else tuple(float(one) for one in value)
    except (TypeError, ValueError):
        return None
    return found if len(found) == count else None
