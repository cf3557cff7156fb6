"""Find the images among files, and refuse unreadable files that claim to be images."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from amcnet.errors import InputError, count_text, one_line
from amcnet.io.dicom.bystanders import check_bystander, name_suffix, what_is
from amcnet.io.dicom.dicomdir import (
    DirectoryEntry,
    check_whole_directory,
    comparable_file_name,
    entries_of,
    find_entry,
)
from amcnet.io.dicom.headers import (
    DIRECTORY_UID,
    SEG_UIDS,
    open_dicom,
    read_dicom_header,
    value_of,
    whole_number,
)
from amcnet.io.dicom.locations import (
    Location,
    find_locations,
    location_of,
)
from amcnet.io.dicom.quiet_libraries import quiet_pydicom

TAGS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "SeriesDescription", "Modality", "Manufacturer", "Rows", "Columns", "NumberOfFrames",
    "InConcatenationNumber", "InConcatenationTotalNumber", "DirectoryRecordSequence",
)  # fmt: skip

_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"  # of the file meta information; some writers omit it

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Instance:
    """The part of an image's header that is read first.

    Attributes:
        location: The file.
        uid: SOPInstanceUID.
        series_uid: SeriesInstanceUID.
        number: SeriesNumber; None if not stated.
        description: SeriesDescription; empty if not stated.
        modality: Modality, such as ``US``.
        rows: Height in pixels.
        columns: Width in pixels.
        frames: Number of frames of a multi-frame image, None for a single frame.
        parts: Number of files over which the image is distributed.
    """

    location: Location
    uid: str
    series_uid: str
    number: int | None
    description: str
    modality: str
    rows: int
    columns: int
    frames: int | None
    parts: int = 1


@dataclass
class FoundInstances:
    """The images found under a path.

    Attributes:
        images: The images, in the order of the names of their files.
        missing: Files that a DICOMDIR lists but that do not exist, by SeriesInstanceUID.
        segmentations: Number of DICOM segmentations.
        private: Manufacturers of objects in a private format, which may hold images.
    """

    images: list[Instance] = field(default_factory=list)
    missing: dict[str, list[str]] = field(default_factory=dict)
    private: list[str] = field(default_factory=list)
    segmentations: int = 0


def find_instances(path: Path) -> FoundInstances:
    """Return the images of a folder, a zip archive, a DICOMDIR or a file.

    Raises:
        InputError: If a file that claims to be an image cannot be read, or a DICOMDIR lists a
            file outside its folder.
    """
    found = FoundInstances()
    others: list[Location] = []
    directories: list[tuple[PurePosixPath, list[DirectoryEntry]]] = []
    locations = list(find_locations(path))
    suffixes: dict[PurePosixPath, set[str]] = {}
    for location in locations:
        header = read_dicom_header(location, TAGS)
        if header is None:
            others.append(location)
            continue
        if value_of(header.file_meta, "MediaStorageSOPClassUID") == DIRECTORY_UID:
            check_whole_directory(location)
            entries = entries_of(header, f"{location}")
            if path.is_file() and location.member is None:
                _add_listed(found, path, entries)
            else:
                directories.append((location.name.parent, entries))
            continue
        suffixes.setdefault(location.name.parent, set()).add(name_suffix(location.name))
        _add(found, location, header)
    if len(locations) == 1 and others and path.is_file() and others[0].member is None:
        raise InputError(f"{path}: {what_is(others[0])}, expected a DICOM image")
    for location in others:
        check_bystander(location, suffixes)
    for folder, entries in directories:
        _note_missing(found, folder, entries, locations)
    return found


def _add(found: FoundInstances, location: Location, header: Any) -> None:  # noqa: ANN401
    image = _instance_of(location, header)
    if image is not None:
        found.images.append(image)
    elif _class_uid(header) in SEG_UIDS:
        found.segmentations += 1
    elif _is_private(header):
        found.private.append(str(value_of(header, "Manufacturer") or "unknown manufacturer"))


def _add_listed(found: FoundInstances, path: Path, entries: Iterable[DirectoryEntry]) -> None:
    """Add the images that a DICOMDIR lists."""
    absent: list[DirectoryEntry] = []
    listed = list(entries)
    for entry in listed:
        file = find_entry(path.parent, entry)
        if file is None:
            absent.append(entry)
            continue
        location = location_of(file)
        header = read_dicom_header(location, TAGS)
        if header is None:
            raise InputError(
                f"{file}: {what_is(location)}, expected a DICOM file according to {path.name}"
            )
        _add(found, location, header)
    if listed and len(absent) == len(listed):
        raise InputError(
            f"{path}: lists {count_text(len(listed), 'file')}, found none of them in its folder"
        )
    for entry in absent:
        found.missing.setdefault(entry.series_uid, []).append(f"{path.parent / Path(*entry.parts)}")


def _note_missing(
    found: FoundInstances,
    folder: PurePosixPath,
    entries: Iterable[DirectoryEntry],
    locations: Iterable[Location],
) -> None:
    """Record which files of a DICOMDIR (in a folder or an archive) do not exist."""
    known = {_compared(one.name) for one in locations}
    for entry in entries:
        name = folder.joinpath(*entry.parts)
        if _compared(name) not in known:
            found.missing.setdefault(entry.series_uid, []).append(f"{name}")


def _compared(name: PurePosixPath) -> tuple[str, ...]:
    return tuple(comparable_file_name(part) for part in name.parts)


def _instance_of(location: Location, header: Any) -> Instance | None:  # noqa: ANN401
    """Return the description of an image; None for other objects.

    Raises:
        InputError: If it is an image, or may be one, and the file ends before the image's size.
    """
    rows, columns = whole_number(header, "Rows"), whole_number(header, "Columns")
    if _class_uid(header) in SEG_UIDS:
        return None
    if rows < 1 or columns < 1:
        if _may_be_image(header):
            raise InputError(
                f"{location}: is an image without Rows and Columns, expected a complete DICOM image"
            )
        return None
    frames = whole_number(header, "NumberOfFrames")
    number = value_of(header, "SeriesNumber")
    return Instance(
        location=location,
        uid=str(value_of(header, "SOPInstanceUID") or ""),
        series_uid=str(value_of(header, "SeriesInstanceUID") or ""),
        number=None if number is None else whole_number(header, "SeriesNumber"),
        description=str(value_of(header, "SeriesDescription") or ""),
        modality=str(value_of(header, "Modality") or "no modality"),
        rows=rows,
        columns=columns,
        frames=frames if frames > 1 else None,
        parts=whole_number(header, "InConcatenationTotalNumber", 1),
    )


def _class_uid(header: Any) -> str:  # noqa: ANN401
    uid = value_of(header, "SOPClassUID") or value_of(header.file_meta, "MediaStorageSOPClassUID")
    return str(uid or "")


def _may_be_image(header: Any) -> bool:  # noqa: ANN401
    """Return whether an object without a size is an image, as far as its header goes.

    A truncated file may end within the UID of its class or before it.
    """
    stated = value_of(header, "SOPClassUID")
    in_meta = value_of(header.file_meta, "MediaStorageSOPClassUID")
    if stated is None:
        return in_meta is None or _is_image_class(in_meta) or not _is_known(in_meta)
    return _is_image_class(stated) or (in_meta is not None and _is_image_class(in_meta))


def _is_image_class(uid: str) -> bool:
    name = _class_name(uid)
    return "Image Storage" in name or name == "Enhanced US Volume Storage"


def _is_known(uid: str) -> bool:
    return _class_name(uid) != str(uid)


def _class_name(uid: str) -> str:
    with quiet_pydicom() as pydicom:
        return str(pydicom.uid.UID(str(uid)).name)  # damaged files may have several UIDs here


def _is_private(header: Any) -> bool:  # noqa: ANN401
    uid = _class_uid(header)
    return bool(uid) and not uid.startswith("1.2.840.10008.")


def without_copies(images: Iterable[Instance], name: str) -> list[Instance]:
    """Return each instance once; copies are reported in the log.

    Args:
        images: The images.
        name: Name of the images in the log.

    Raises:
        InputError: If files share a SOPInstanceUID and differ in content.
    """
    kept: dict[str, Instance] = {}
    copies = []
    for image in images:
        first = kept.setdefault(image.uid or f"{image.location}", image)
        if first is image:
            continue
        if _dataset_bytes(first.location) != _dataset_bytes(image.location):
            raise InputError(
                f"{image.location}: has the SOPInstanceUID of {first.location} but different "
                "content, expected a unique UID for each image"
            )
        copies.append(image.location)
    if copies:
        _log.warning(
            "%s: %d files are copies of other files, such as %s; each image is used once",
            one_line(name), len(copies), one_line(str(copies[0])),
        )  # fmt: skip
    return list(kept.values())


def _dataset_bytes(location: Location) -> bytes:
    """Return the bytes of a file after its file meta information, which may differ in copies."""
    with open_dicom(location, whole=True) as stream:
        content = b"" if stream is None else stream.read()
    if not content[132:].startswith(_GROUP_LENGTH):
        return content
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]
