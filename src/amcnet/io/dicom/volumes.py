"""Reading a volume from DICOM: a series of images, or one image of many frames."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.errors import InputError
from amcnet.io.dicom.frame_positions import Placing, placing_of_frames, placing_of_headers
from amcnet.io.dicom.headers import read_header, value_of
from amcnet.io.dicom.library import quiet_pydicom
from amcnet.io.dicom.pixels import (
    Rescale,
    check_length,
    check_like,
    read_frames,
    rescale_of,
    rescales_of_frames,
)
from amcnet.io.dicom.series import Series, choose_series
from amcnet.io.dicom.source import DicomGeometry, DicomSource, FrameReference, with_source
from amcnet.io.dicom.stacking import Grid, stack
from amcnet.io.geometry import Geometry, Triple
from amcnet.io.volume import Volume, check_finite

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
# Large, or of no use without pixels.
_UNUSED = (
    "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
    "IconImageSequence",
)


@dataclass(frozen=True)
class _Opened:
    """A series of which all headers have been read and checked."""

    series: Series
    header: Any
    grid: Grid
    geometry: DicomGeometry
    rescales: list[Rescale]


def read_dicom_volume(
    path: str | Path,
    axes: str = "auto",
    series: str | None = None,
    spacing_mm: Triple | None = None,
) -> Volume:
    """Read a volume from DICOM.

    Args:
        path: A folder, zip archive or DICOMDIR with a series of single-frame images, or a
            multi-frame image such as an Enhanced Ultrasound Volume.
        axes: ``auto`` or what the x (along a row), y (along a column) and z (from slice to slice)
            of the images mean, see :meth:`amcnet.io.Geometry.from_grid`.
        series: UID or number of the series, where there are several.
        spacing_mm: Voxel size in (scan, lateral, depth), for a multi-frame image that does not
            say where its frames lie; they then follow each other along z.

    Returns:
        The volume. Values are rescaled; where nothing has to be they keep their stored type, else
        they are float32. The greater the brighter, also where they are stored the other way.

    Raises:
        InputError: If there is no such series, its images do not make a grid, or they are
            damaged or have colours. The text tells nothing of the patient.
        NotEnoughMemoryError: If the machine is too small for it.
    """
    path = Path(path)
    opened = _open(path, axes, series, spacing_mm)
    locations = opened.series.locations
    try:
        order, rescales = opened.grid.order, opened.rescales
        stored = read_frames(locations, order, opened.header, rescales, f"{path}")
        array = opened.geometry.to_canonical(stored)
        check_finite(array)
    except InputError as error:
        raise InputError(_with_path(path, error)) from None
    return Volume(array, opened.geometry, path)


def read_dicom_geometry(
    path: str | Path, axes: str = "auto", series: str | None = None
) -> DicomGeometry:
    """Read where the voxels of a DICOM volume lie, from its headers alone.

    Raises:
        InputError: See :func:`read_dicom_volume`.
    """
    return _open(Path(path), axes, series, None).geometry


def _with_path(path: Path, error: InputError) -> str:
    text = str(error)
    return text if text.startswith(str(path)) else f"{path}: {text}"


def _open(path: Path, axes: str, wanted: str | None, spacing_mm: Triple | None) -> _Opened:
    series = choose_series(path, wanted)
    first = series.locations[0]
    placing: Placing | None
    if len(series.locations) > 1 or series.frames == 1:
        headers, placing, rescales = _open_images(path, series)
        numbered = False
    else:
        header = _header_of(series, 0)
        check_like([header], f"{first}")
        check_length(header, series.frames, first)
        headers, numbered = [header], True
        placing = placing_of_frames(header, series.frames, f"{first}")
        rescales = rescales_of_frames(header, series.frames, f"{first}")
    grid = _grid(path, series, placing, spacing_mm)
    references = _references(headers, series.frames if numbered else 0)
    source = DicomSource(
        header=_without_pixels(headers[0]),
        frames=tuple(references[index] for index in grid.order),
        frame_of_reference_uid="" if placing is None else placing.frame_of_reference_uid,
        has_positions=placing is not None,
    )
    try:
        geometry = _geometry(series, grid, axes, None if placing is not None else spacing_mm)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return _Opened(series, headers[0], grid, with_source(geometry, source), rescales)


def _open_images(path: Path, series: Series) -> tuple[list[Any], Placing, list[Rescale]]:
    headers = [_header_of(series, index) for index in range(len(series.locations))]
    check_like(headers, f"{path}")
    for location, header in zip(series.locations, headers, strict=True):
        check_length(header, 1, location)
    rescales = [
        rescale_of(header, f"{location}")
        for location, header in zip(series.locations, headers, strict=True)
    ]
    return headers, placing_of_headers(headers, f"{path}"), rescales


def _header_of(series: Series, index: int) -> Any:  # noqa: ANN401
    header = read_header(series.locations[index])
    if header is None:
        raise InputError(f"{series.locations[index]}: is no DICOM file any more")
    return header


def _grid(path: Path, series: Series, placing: Placing | None, spacing_mm: Triple | None) -> Grid:
    if placing is not None:
        if spacing_mm is not None:
            raise InputError(f"{path}: says itself where its frames lie, expected no spacing_mm")
        return stack(placing, f"{path}")
    if spacing_mm is None:
        raise InputError(
            f"{path}: is a multi-frame image that does not say where its frames lie, expected an "
            "Enhanced Ultrasound Volume with PlanePositionVolumeSequence, or spacing_mm in Python"
        )
    return Grid(np.arange(series.frames), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), _IDENTITY)


def _geometry(series: Series, grid: Grid, axes: str, spacing_mm: Triple | None) -> Geometry:
    size = (series.columns, series.rows, series.frames)
    geometry = Geometry.from_grid(size, grid.spacing_mm, grid.origin_mm, grid.direction, axes)
    if spacing_mm is None:
        return geometry
    along = {2 - stored: value for stored, value in zip(geometry.order, spacing_mm, strict=True)}
    in_file = (along[0], along[1], along[2])
    return Geometry.from_grid(size, in_file, grid.origin_mm, grid.direction, axes)


def _references(headers: list[Any], frames: int) -> list[FrameReference]:
    """Return how DICOM refers to every image, or to every frame of the one image."""
    every = [
        FrameReference(
            str(value_of(header, "SOPClassUID") or ""),
            str(value_of(header, "SOPInstanceUID") or ""),
        )
        for header in headers
    ]
    if not frames:
        return every
    return [replace(every[0], frame_number=index) for index in range(1, frames + 1)]


def _without_pixels(header: Any) -> Any:  # noqa: ANN401
    """Return what a segmentation takes over from the first image."""
    with quiet_pydicom() as pydicom:
        keyword_of = pydicom.datadict.keyword_for_tag
        tags = [tag for tag in header.keys() if not tag.is_private]  # noqa: SIM118  no mapping
        return pydicom.Dataset(
            {tag: header.get_item(tag) for tag in tags if keyword_of(tag) not in _UNUSED}
        )
