"""Which volumes there are among DICOM files, and which of them is meant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from amcnet.errors import InputError
from amcnet.io.dicom.headers import (
    DIRECTORY_UID,
    SEG_UIDS,
    read_header,
    value_of,
    whole_number,
)
from amcnet.io.dicom.locations import (
    DICOM_EXTENSIONS,
    Location,
    find_locations,
    first_dicom_file,
    is_dicom,
)
from amcnet.io.extensions import IMAGE_EXTENSIONS, find_extension

_TAGS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality",
    "Rows", "Columns", "NumberOfFrames", "DirectoryRecordSequence",
)  # fmt: skip

_OTHER_EXTENSIONS = tuple(one for one in IMAGE_EXTENSIONS if one not in DICOM_EXTENSIONS)


@dataclass(frozen=True)
class Series:
    """Images that belong together: one volume, as far as can be told before they are read.

    Attributes:
        uid: What names it: the SeriesInstanceUID; the SOPInstanceUID of a multi-frame image where
            its series holds several of them.
        number: The SeriesNumber; None where there is none.
        modality: Such as ``US``.
        rows: Height of its images in pixels.
        columns: Width of its images in pixels.
        frames: Number of its images, or of frames of a multi-frame image.
        locations: Its files, in the order of their names.
    """

    uid: str
    number: int | None
    modality: str
    rows: int
    columns: int
    frames: int
    locations: tuple[Location, ...]

    def __str__(self) -> str:
        number = "without a number" if self.number is None else str(self.number)
        size = f"{self.frames} x {self.rows} x {self.columns}"
        return f"{number} ({self.modality}, {size}, {self.uid})"


@dataclass(frozen=True)
class _Image:
    """What is read of every image first."""

    location: Location
    uid: str
    series_uid: str
    number: int | None
    modality: str
    rows: int
    columns: int
    frames: int | None


def list_series(path: str | Path) -> list[Series]:
    """List the image series of a folder, a zip archive, a DICOMDIR or a file.

    Segmentations, reports and other objects without an image do not count.

    Args:
        path: Where to look; folders are searched with all folders in them.

    Returns:
        The series by number and UID; an empty list where there is none.

    Raises:
        InputError: If a file or archive is damaged.
    """
    images: dict[str, list[_Image]] = {}
    for image in _find_images(Path(path)):
        images.setdefault(image.series_uid, []).append(image)
    found = [one for group in images.values() for one in _split(group)]
    return sorted(found, key=lambda one: (one.number is None, one.number or 0, one.uid))


def choose_series(path: Path, wanted: str | None = None) -> Series:
    """Return the series that is meant.

    Args:
        path: See :func:`list_series`.
        wanted: Its UID or its number; may be left out where there is one series only.

    Raises:
        InputError: If there is none, or several and none or more than one of them is meant.
    """
    found = list_series(path)
    if not found:
        raise InputError(f"{path}: holds no DICOM images, expected a series")
    listed = "; ".join(map(str, found))
    if wanted is None:
        if len(found) > 1:
            raise InputError(
                f"{path}: holds {len(found)} series, expected one, or its number or UID "
                f"(--series): {listed}"
            )
        return found[0]
    fitting = [one for one in found if wanted.strip() in (one.uid, str(one.number))]
    if len(fitting) != 1:
        count = "no series" if not fitting else f"{len(fitting)} series"
        raise InputError(f"{path}: holds {count} '{wanted}', expected one of: {listed}")
    return fitting[0]


def is_series_folder(path: Path) -> bool:
    """Return whether a path is a folder that is one DICOM input, not a folder of inputs.

    A folder of multi-frame images holds an input in each of them; so does one that holds images of
    other formats.
    """
    if not path.is_dir():
        return False
    if any(find_extension(file, _OTHER_EXTENSIONS) for file in path.iterdir()):
        return False
    first = first_dicom_file(path)
    if first is None:
        return is_dicom(path)
    header = read_header(Location(first, None, first.stat().st_size), _TAGS)
    return header is None or whole_number(header, "NumberOfFrames", 1) == 1


def _split(images: list[_Image]) -> list[Series]:
    """Make one series of the single-frame images of a series, and one of each other image."""
    single = [image for image in images if image.frames is None]
    multiple = [image for image in images if image.frames is not None]
    alone = len(multiple) + bool(single) == 1
    found = [
        _series([image], image.series_uid if alone else image.uid, image.frames or 1)
        for image in multiple
    ]
    return found + ([_series(single, single[0].series_uid, len(single))] if single else [])


def _series(images: list[_Image], uid: str, frames: int) -> Series:
    first = images[0]
    return Series(
        uid=uid,
        number=first.number,
        modality=first.modality,
        rows=first.rows,
        columns=first.columns,
        frames=frames,
        locations=tuple(image.location for image in images),
    )


def _find_images(path: Path) -> Iterator[_Image]:
    locations = list(find_locations(path))
    for location in locations:
        header = read_header(location, _TAGS)
        if header is None:
            if len(locations) == 1 and location.member is None and path.is_file():
                raise InputError(f"{path}: the content is not DICOM, expected a DICOM image")
        elif value_of(header.file_meta, "MediaStorageSOPClassUID") == DIRECTORY_UID:
            if path.is_file() and location.member is None:  # else its images are found themselves
                yield from _behind_directory(path, header)
        elif (image := _image_of(location, header)) is not None:
            yield image


def _behind_directory(path: Path, header: Any) -> Iterator[_Image]:  # noqa: ANN401
    """Return the images that a DICOMDIR lists; they lie beside it or in folders beside it."""
    listed = [
        record
        for record in value_of(header, "DirectoryRecordSequence") or ()
        if value_of(record, "ReferencedFileID") is not None
    ]
    found = [file for file in map(path.parent.joinpath, _inner(listed)) if file.is_file()]
    if listed and not found:
        raise InputError(f"{path}: lists {len(listed)} files, found none of them beside it")
    for file in found:
        location = Location(file, None, file.stat().st_size)
        inner = read_header(location, _TAGS)
        image = None if inner is None else _image_of(location, inner)
        if image is not None:
            yield image


def _inner(records: Iterable[Any]) -> Iterator[PurePosixPath]:
    """Return where the files are; names that lead out of the folder do not count."""
    for record in records:
        name = value_of(record, "ReferencedFileID")
        parts = [name] if isinstance(name, str) else [str(part) for part in name]
        if all(part not in ("", ".", "..") and not set(part) & set("/\\:") for part in parts):
            yield PurePosixPath(*parts)


def _image_of(location: Location, header: Any) -> _Image | None:  # noqa: ANN401
    rows, columns = whole_number(header, "Rows"), whole_number(header, "Columns")
    if not rows or not columns or value_of(header, "SOPClassUID") in SEG_UIDS:
        return None
    frames = whole_number(header, "NumberOfFrames")
    number = value_of(header, "SeriesNumber")
    return _Image(
        location=location,
        uid=str(value_of(header, "SOPInstanceUID") or ""),
        series_uid=str(value_of(header, "SeriesInstanceUID") or ""),
        number=None if number is None else whole_number(header, "SeriesNumber"),
        modality=str(value_of(header, "Modality") or "no modality"),
        rows=rows,
        columns=columns,
        frames=frames if frames > 1 else None,
    )
