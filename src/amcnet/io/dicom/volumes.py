"""Read a volume from DICOM: a series of single-frame images, or one multi-frame image."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.errors import InputError, one_line
from amcnet.io.colour import Colour, check_colour
from amcnet.io.dicom.completeness import (
    check_acquisitions,
    check_one_source,
    order_by_number,
    report_gaps,
)
from amcnet.io.dicom.frame_positions import (
    FramePositions,
    positions_of_frames,
    positions_of_images,
)
from amcnet.io.dicom.headers import read_dicom_image_header, value_of, whole_number
from amcnet.io.dicom.locations import close_archives
from amcnet.io.dicom.pixel_spacing import stated_spacing
from amcnet.io.dicom.pixels import (
    Rescale,
    StoredFrames,
    check_length,
    check_like,
    read_frames,
    rescale_of,
    rescales_of_frames,
)
from amcnet.io.dicom.quiet_libraries import quiet_pydicom
from amcnet.io.dicom.series import Series, choose_series
from amcnet.io.dicom.source import DicomGeometry, DicomSource, FrameReference, with_source
from amcnet.io.dicom.stacking import StackGrid, check_slice_distance, stack
from amcnet.io.geometry import Geometry, Triple
from amcnet.io.volume import Volume, check_finite

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_RGB = 3  # SamplesPerPixel
_SAME_SPACING = 0.01  # relative
# Large, or useless without pixels.
_UNUSED = (
    "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
    "IconImageSequence",
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opened:
    """A series whose headers have all been read and checked."""

    frames: StoredFrames
    geometry: DicomGeometry


@dataclass(frozen=True)
class _Headers:
    """The headers of a series and the positions of its frames, as far as stated."""

    headers: list[Any]
    positions: FramePositions | None
    rescales: list[Rescale]


def read_dicom_volume(
    path: str | Path,
    axes: str = "auto",
    series: str | None = None,
    spacing_mm: Triple | None = None,
    colour: Colour = "luma",
) -> Volume:
    """Read a volume from DICOM.

    If a header states an ultrasound region, pixels outside it are set to 0. This, colours and
    duplicate images are reported in the log.

    Args:
        path: A folder, zip archive or DICOMDIR with a series of single-frame images, or a
            multi-frame image such as an Enhanced Ultrasound Volume.
        axes: ``auto`` or the meaning of the images' x (along a row), y (along a column) and z (from
            slice to slice), see :meth:`amcnet.io.Geometry.from_grid`.
        series: UID or number of the series, if there are several.
        spacing_mm: Voxel size in (scan, lateral, depth). For images without positions, whose frames
            then follow each other along z (files in the order of InstanceNumber); for other images
            it overrides the stated size.
        colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.

    Returns:
        The volume. Values are rescaled if the header says so, to float32; otherwise they keep their
        stored dtype. Greater values are brighter, also for MONOCHROME1.

    Raises:
        InputError: If there is no such series, it is incomplete, its images do not form a grid,
            they are damaged, or attributes contradict each other. The text never names a patient.
        NotEnoughMemoryError: If it does not fit into memory.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> volume = read_dicom_volume(get_testdata_file("CT_small.dcm"))
        >>> volume.array.shape, volume.array.dtype, volume.spacing_mm
        ((1, 128, 128), dtype('float32'), (5.0, 0.661468, 0.661468))
    """
    path = Path(path)
    check_colour(colour)
    opened = _open(path, axes, series, spacing_mm)
    try:
        stored = read_frames(opened.frames, f"{path}", colour)
        array = opened.geometry.to_canonical(stored)
        check_finite(array)
    except InputError as error:
        raise InputError(_with_path(path, error)) from None
    finally:
        close_archives(opened.frames.locations)
    return Volume(array, opened.geometry, path)


def read_dicom_geometry(
    path: str | Path,
    axes: str = "auto",
    series: str | None = None,
    spacing_mm: Triple | None = None,
) -> DicomGeometry:
    """Read the grid of a DICOM volume from its headers only.

    Args:
        path: A folder, zip archive, DICOMDIR or file, see :func:`read_dicom_volume`.
        axes: ``auto`` or the meaning of the images' x, y and z.
        series: UID or number of the series, if there are several.
        spacing_mm: Voxel size in (scan, lateral, depth) that overrides the stated one.

    Raises:
        InputError: See :func:`read_dicom_volume`.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> geometry = read_dicom_geometry(get_testdata_file("CT_small.dcm"))
        >>> geometry.canonical_shape, geometry.canonical_spacing_mm
        ((1, 128, 128), (5.0, 0.661468, 0.661468))
    """
    opened = _open(Path(path), axes, series, spacing_mm)
    close_archives(opened.frames.locations)
    return opened.geometry


def _with_path(path: Path, error: InputError) -> str:
    text = str(error)
    return text if text.startswith(str(path)) else f"{path}: {text}"


def _open(path: Path, axes: str, wanted: str | None, spacing_mm: Triple | None) -> _Opened:
    series = choose_series(path, wanted)
    is_multi_frame = len(series.locations) == 1 and series.frames > 1
    try:
        read = _read_multi_frame if is_multi_frame else _read_images
        found = read(path, series, spacing_mm is not None)
        grid = _grid(path, series, found, spacing_mm)
        geometry = _geometry(series, grid, axes, spacing_mm)
    except InputError as error:
        raise InputError(_with_path(path, error)) from None
    if spacing_mm is not None:
        _warn_of_other_spacing(path, found, grid, geometry)
    references = _references(found.headers, series.frames if is_multi_frame else 0)
    source = DicomSource(
        header=_without_pixels(found.headers[0]),
        frames=tuple(references[index] for index in grid.order),
        frame_of_reference_uid=(
            "" if found.positions is None else found.positions.frame_of_reference_uid
        ),
        has_positions=found.positions is not None and spacing_mm is None,
    )
    frames = StoredFrames(
        series.locations, grid.order, found.headers[0], found.rescales, spacing_mm is not None
    )
    return _Opened(frames, with_source(geometry, source))


def _read_images(path: Path, series: Series, spacing_is_given: bool) -> _Headers:
    opened = [read_dicom_image_header(location) for location in series.locations]
    headers = [header for header, _ in opened]
    names = [f"{location}" for location in series.locations]
    check_like(headers, f"{path}")
    for location, (header, pixels) in zip(series.locations, opened, strict=True):
        check_length(header, pixels, 1, location)
    check_one_source(headers, f"{path}")
    check_acquisitions(headers, f"{path}")
    _warn_of_lookup_table(headers, f"{path}")
    if series.frames == 1 and whole_number(headers[0], "SamplesPerPixel") == _RGB:
        raise InputError(
            f"{names[0]}: is a 2D colour image of {series.rows} x {series.columns} pixels, "
            "expected a volume: a series, or a multi-frame image"
        )
    rescales = [rescale_of(*pair) for pair in zip(headers, names, strict=True)]
    positions = positions_of_images(headers, names, f"{path}", spacing_is_given)
    return _Headers(headers, positions, rescales)


def _warn_of_lookup_table(headers: list[Any], name: str) -> None:
    if any(value_of(header, "ModalityLUTSequence") for header in headers):
        _log.warning(
            "%s: its ModalityLUTSequence is not applied, the stored values are used", one_line(name)
        )


def _read_multi_frame(path: Path, series: Series, spacing_is_given: bool) -> _Headers:
    (location,) = series.locations
    header, pixels = read_dicom_image_header(location)
    check_like([header], f"{location}")
    _warn_of_lookup_table([header], f"{location}")
    check_length(header, pixels, series.frames, location)
    positions = positions_of_frames(header, series.frames, f"{location}", spacing_is_given)
    rescales = rescales_of_frames(header, series.frames, f"{location}")
    return _Headers([header], positions, rescales)


def _grid(path: Path, series: Series, found: _Headers, spacing_mm: Triple | None) -> StackGrid:
    if found.positions is not None:
        grid = stack(found.positions, f"{path}")
        if spacing_mm is None:
            check_slice_distance(found.positions, grid, f"{path}")
        if len(found.headers) > 1:
            report_gaps(found.headers, f"{path}")
        return grid
    if spacing_mm is None:
        raise InputError(f"{path}: {_lack_of_positions(path, series, found)}")
    if len(found.headers) > 1:
        order = order_by_number(found.headers, f"{path}")
    else:
        order = np.arange(series.frames)
    return StackGrid(order, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), _IDENTITY)


def _lack_of_positions(path: Path, series: Series, found: _Headers) -> str:
    """Return why a volume without positions cannot be read, and what to do about it."""
    if series.frames == 1:
        return (
            f"is a 2D image of {series.rows} x {series.columns} pixels, expected a volume: a "
            "series, or a multi-frame image"
        )
    header = found.headers[0]
    in_plane = stated_spacing(header, f"{path}")
    known = ""
    if in_plane is not None:
        row_mm, column_mm = in_plane
        known = f"; its pixels are {column_mm:.6g} mm along a row, {row_mm:.6g} mm along a column"
    what = "a multi-frame image" if len(found.headers) == 1 else "a series"
    film = (
        " (its FrameTime suggests a cine loop)" if value_of(header, "FrameTime") is not None else ""
    )
    return (
        f"is {what} without positions of its frames{film}{known}, expected an Enhanced "
        "Ultrasound Volume, or the voxel size of the sweep with --spacing SCAN,LATERAL,DEPTH "
        "(spacing_mm in Python)"
    )


def _warn_of_other_spacing(
    path: Path, found: _Headers, grid: StackGrid, geometry: Geometry
) -> None:
    """Report in the log that the given voxel size differs from the header."""
    stated: tuple[float, ...] | None
    try:
        stated = stated_spacing(found.headers[0], f"{path}")
    except InputError:  # a contradiction, which the given voxel size settles
        return
    if stated is None:
        return
    column_mm, row_mm, slice_mm = geometry.spacing_mm
    pairs = [(row_mm, stated[0]), (column_mm, stated[1])]
    if found.positions is not None:
        pairs.append((slice_mm, grid.spacing_mm[2]))
    if any(abs(given / header - 1) > _SAME_SPACING for given, header in pairs if header > 0):
        _log.warning(
            "%s: the header states voxels of %s mm (row, column, slice), the given size of %s "
            "mm is used",
            one_line(f"{path}"),
            " x ".join(f"{header:.6g}" for _, header in pairs),
            " x ".join(f"{given:.6g}" for given, _ in pairs),
        )


def _geometry(series: Series, grid: StackGrid, axes: str, spacing_mm: Triple | None) -> Geometry:
    size = (series.columns, series.rows, series.frames)
    geometry = Geometry.from_grid(size, grid.spacing_mm, grid.origin_mm, grid.direction, axes)
    if spacing_mm is None:
        return geometry
    along = {2 - stored: value for stored, value in zip(geometry.order, spacing_mm, strict=True)}
    in_file = (along[0], along[1], along[2])
    return Geometry.from_grid(size, in_file, grid.origin_mm, grid.direction, axes)


def _references(headers: list[Any], frames: int) -> list[FrameReference]:
    """Return the DICOM reference to every image, or to every frame of the one image."""
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
    """Return the attributes that a segmentation copies from the first image."""
    with quiet_pydicom() as pydicom:
        keyword_of = pydicom.datadict.keyword_for_tag
        tags = [tag for tag in header.keys() if not tag.is_private]  # noqa: SIM118  no mapping
        return pydicom.Dataset(
            {tag: header.get_item(tag) for tag in tags if keyword_of(tag) not in _UNUSED}
        )
