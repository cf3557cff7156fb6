"""Read the headers of DICOM files without their pixels."""

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from amcnet.errors import AmcnetError, InputError
from amcnet.io.dicom.deflated import inflate, is_deflated
from amcnet.io.dicom.locations import Location
from amcnet.io.dicom.pixel_element import PixelElement, read_pixel_element
from amcnet.io.dicom.quiet_libraries import quiet_pydicom

DIRECTORY_UID = "1.2.840.10008.1.3.10"
ENHANCED_US_UID = "1.2.840.10008.5.1.4.1.1.6.2"
SEG_UIDS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_META_BYTES = 4096
_NATIVE = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
_COMPRESSED = (
    "1.2.840.10008.1.2.5",  # RLE
    *(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91)),
)


@contextmanager
def open_dicom(location: Location, whole: bool = False) -> Iterator[IO[bytes] | None]:
    """Open a DICOM file, inflated if necessary; yield None for other files.

    Args:
        location: The file.
        whole: Whether the pixels will be read too, in any order.

    Raises:
        InputError: If it cannot be read.
    """
    opened = location.open_whole() if whole else location.open_header()
    with opened as stream:
        beginning = stream.read(_META_BYTES)
        if beginning[128:132] != b"DICM":
            yield None
        elif is_deflated(beginning):
            yield inflate(stream, location)
        else:
            stream.seek(0)
            yield stream


def read_dicom_header(location: Location, tags: Sequence[str] | None = None) -> Any | None:  # noqa: ANN401
    """Read a file's header.

    Args:
        location: The file.
        tags: Keywords of the attributes to read; None reads all.

    Returns:
        A `pydicom.Dataset` without pixels; None for other files.

    Raises:
        InputError: If it starts like a DICOM file but is damaged.
    """
    found = read_header_and_pixels(location, tags)
    return None if found is None else found[0]


def read_dicom_image_header(location: Location) -> tuple[Any, PixelElement]:
    """Read the complete header of an image and the description of its pixels.

    Raises:
        InputError: If it is not a DICOM image, ends before its pixels, or has an unsupported
            transfer syntax.
    """
    found = read_header_and_pixels(location)
    if found is None:
        raise InputError(f"{location}: is not a DICOM file, expected a DICOM image")
    header, pixels = found
    is_compressed(header, location)
    if pixels is None:
        raise InputError(f"{location}: the file ends before its pixels, expected a complete image")
    return header, pixels


def read_header_and_pixels(
    location: Location, tags: Sequence[str] | None = None
) -> tuple[Any, PixelElement | None] | None:
    """Read a file's header and the position of its pixels.

    Args:
        location: The file.
        tags: Keywords of the attributes to read, without the pixels; None reads all.

    Returns:
        Header and pixels (None if the file has no pixels); None for a file that is not DICOM.

    Raises:
        InputError: If it starts like a DICOM file but is damaged.
    """
    with quiet_pydicom() as pydicom:
        try:
            with open_dicom(location) as stream:
                if stream is None:
                    return None
                header = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=tags)
                size = location.num_bytes
                if isinstance(stream, io.BytesIO):  # it was inflated
                    size = stream.getbuffer().nbytes
                return header, None if tags else read_pixel_element(stream, header, size)
        except AmcnetError:
            raise
        except (zipfile.BadZipFile, zlib.error):
            raise InputError(f"{location}: is damaged, expected an intact archive") from None
        except OSError as error:
            reason = error.strerror or "no more data"
            raise InputError(f"{location}: cannot be read ({reason})") from None
        except Exception as error:  # pydicom raises many different exceptions on damaged files
            raise InputError(
                f"{location}: is damaged, expected an intact DICOM file ({type(error).__name__})"
            ) from None


def value_of(dataset: Any, keyword: str) -> Any:  # noqa: ANN401
    """Return the value of an attribute; None if it is absent, empty or unreadable."""
    with quiet_pydicom():  # pydicom converts values on access, not when the file is read
        try:
            value = dataset.get(keyword)
        except Exception:  # a value that pydicom cannot convert
            return None
    return None if value is None or value == "" else value


def is_compressed(header: Any, location: Location) -> bool:  # noqa: ANN401
    """Return whether the pixels of an image are compressed.

    Raises:
        InputError: If its transfer syntax is missing, private, or not supported.
    """
    syntax = value_of(header.file_meta, "TransferSyntaxUID")
    if syntax in _NATIVE:
        return False
    if syntax in _COMPRESSED:
        return True
    if syntax is None:
        raise InputError(f"{location}: states no transfer syntax, expected one")
    if not isinstance(syntax, str) or not syntax.startswith("1.2.840.10008.1.2"):
        raise InputError(
            f"{location}: its transfer syntax {syntax} is private, expected a standard one"
        )
    raise InputError(
        f"{location}: its transfer syntax is {_syntax_name(syntax)} ({syntax}), "
        "expected uncompressed images, JPEG, JPEG-LS, JPEG 2000 or RLE"
    )


def _syntax_name(uid: Any) -> str:  # noqa: ANN401
    return str(uid.name)


def whole_number(dataset: Any, keyword: str, otherwise: int = 0) -> int:  # noqa: ANN401
    """Return an attribute as a whole number, or ``otherwise`` if it is not one."""
    try:
        return int(value_of(dataset, keyword))
    except (TypeError, ValueError, OverflowError):
        return otherwise


def numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:  # noqa: ANN401
    """Return an attribute of ``count`` numbers; None if it is absent or has another form."""
    value = value_of(dataset, keyword)
    try:
        found = (float(value),) if count == 1 else tuple(float(one) for one in value)
    except (TypeError, ValueError):
        return None
    return found if len(found) == count else None
