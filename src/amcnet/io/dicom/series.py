"""List the series among DICOM files, and select one."""

from dataclasses import dataclass, field
from pathlib import Path

from amcnet.errors import InputError, count_text
from amcnet.io.dicom.headers import read_dicom_header, whole_number
from amcnet.io.dicom.instances import TAGS, FoundInstances, Instance, find_instances, without_copies
from amcnet.io.dicom.locations import (
    DICOM_EXTENSIONS,
    Location,
    close_archives,
    first_dicom_file,
    is_dicom,
    location_of,
)
from amcnet.io.extensions import IMAGE_EXTENSIONS, find_extension

_OTHER_EXTENSIONS = tuple(one for one in IMAGE_EXTENSIONS if one not in DICOM_EXTENSIONS)


@dataclass(frozen=True)
class Series:
    """Images that belong to one volume, as far as their headers tell.

    Attributes:
        uid: SeriesInstanceUID, or SOPInstanceUID of a multi-frame image whose series has several.
        number: SeriesNumber; None if not stated.
        modality: Modality, such as ``US``.
        rows: Height of the images in pixels.
        columns: Width of the images in pixels.
        frames: Number of images, or of frames of a multi-frame image.
        locations: The files, sorted by name.
        description: SeriesDescription; free text, and therefore not part of ``str(series)``.
        missing: Files of the series that a DICOMDIR lists but that do not exist.
        parts: Number of files over which a multi-frame image is distributed.

    Example:
        >>> print(Series("1.2.3", 4, "US", rows=400, columns=300, frames=120, locations=()))
        4 (US, 120 x 400 x 300, 1.2.3)
    """

    uid: str
    number: int | None
    modality: str
    rows: int
    columns: int
    frames: int
    locations: tuple[Location, ...]
    description: str = field(default="", repr=False)
    missing: tuple[str, ...] = ()
    parts: int = 1

    def __str__(self) -> str:
        number = "without a number" if self.number is None else str(self.number)
        size = f"{self.frames} x {self.rows} x {self.columns}"
        return f"{number} ({self.modality}, {size}, {self.uid})"


def list_series(path: str | Path) -> list[Series]:
    """List the image series of a folder, a zip archive, a DICOMDIR or a file.

    Segmentations, reports and other objects without an image are not listed.

    Args:
        path: Where to look; folders are searched with their subfolders.

    Returns:
        The series, sorted by number and UID; an empty list if there are none.

    Raises:
        InputError: If a file or archive that claims to hold images is damaged.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> series = list_series(get_testdata_file("CT_small.dcm"))
        >>> [(one.number, one.modality, one.rows, one.columns) for one in series]
        [(1, 'CT', 128, 128)]
    """
    return _sorted_series(_find(Path(path)))


def choose_series(path: Path, wanted: str | None = None) -> Series:
    """Return the selected series.

    Args:
        path: See :func:`list_series`.
        wanted: UID or number of the series; may be None if there is only one series.

    Raises:
        InputError: If there is no series, the selection is ambiguous, or files of the series are
            missing.
    """
    instances = _find(path)
    series = _chosen(path, _sorted_series(instances), instances, wanted)
    if series.missing:
        count = len(series.missing)
        raise InputError(
            f"{path}: the series lacks {count_text(count, 'file')} that its DICOMDIR lists, "
            "such as "
            f"{series.missing[0]}, expected all of them"
        )
    if series.parts > 1:
        raise InputError(
            f"{series.locations[0]}: is one of {series.parts} parts of a multi-frame image, "
            "expected the whole image in one file"
        )
    return series


def _chosen(
    path: Path, found: list[Series], instances: FoundInstances, wanted: str | None
) -> Series:
    if not found and instances.private:
        raise InputError(
            f"{path}: holds only voxels in a private format ({instances.private[0]}), expected "
            "DICOM images: export the scan as Enhanced Ultrasound Volume, or as NRRD"
        )
    if not found and instances.segmentations:
        raise InputError(f"{path}: holds a DICOM segmentation (labels), expected an image")
    if not found:
        raise InputError(f"{path}: holds no DICOM images, expected a series")
    listed = "; ".join(map(str, found))
    if wanted is None:
        if len(found) > 1:
            raise InputError(
                f"{path}: holds {len(found)} series, expected a single one, or the number or UID "
                f"of one (--series): {listed}"
            )
        return found[0]
    fitting = [one for one in found if wanted.strip() in (one.uid, str(one.number))]
    if len(fitting) != 1:
        count = "no series" if not fitting else f"{len(fitting)} series"
        raise InputError(f"{path}: holds {count} '{wanted}', expected one of: {listed}")
    return fitting[0]


def is_series_folder(path: Path) -> bool:
    """Return whether a folder is one DICOM input, as opposed to a folder of inputs.

    In a folder of multi-frame images or of images in other formats, each file is an input.

    Example:
        >>> Path("inputs").mkdir()
        >>> Path("inputs/scan.nrrd").touch()
        >>> is_series_folder(Path("inputs"))
        False
    """
    if not path.is_dir():
        return False
    if any(find_extension(file, _OTHER_EXTENSIONS) for file in path.iterdir()):
        return False
    first = first_dicom_file(path)
    if first is None:
        return is_dicom(path)
    header = read_dicom_header(location_of(first), TAGS)
    return header is None or whole_number(header, "NumberOfFrames", 1) == 1


def _find(path: Path) -> FoundInstances:
    found = find_instances(path)
    try:
        found.images = without_copies(found.images, f"{path}")
    finally:
        close_archives(image.location for image in found.images)
    return found


def _sorted_series(instances: FoundInstances) -> list[Series]:
    groups: dict[str, list[Instance]] = {}
    for image in instances.images:
        groups.setdefault(image.series_uid, []).append(image)
    found = [
        one
        for uid, group in groups.items()
        for one in _split(group, tuple(instances.missing.get(uid, ())))
    ]
    return sorted(found, key=lambda one: (one.number is None, one.number or 0, one.uid))


def _split(images: list[Instance], missing: tuple[str, ...]) -> list[Series]:
    """Split a series: its single-frame images form one series, each multi-frame image another."""
    single = [image for image in images if image.frames is None]
    multiple = [image for image in images if image.frames is not None]
    alone = len(multiple) + bool(single) == 1
    found = [
        _series([image], image.series_uid if alone else image.uid, image.frames or 1, missing)
        for image in multiple
    ]
    if single:
        found.append(_series(single, single[0].series_uid, len(single), missing))
    return found


def _series(images: list[Instance], uid: str, frames: int, missing: tuple[str, ...]) -> Series:
    first = images[0]
    return Series(
        uid=uid,
        number=first.number,
        modality=first.modality,
        rows=first.rows,
        columns=first.columns,
        frames=frames,
        locations=tuple(image.location for image in images),
        description=first.description,
        missing=missing,
        parts=max(image.parts for image in images),
    )
