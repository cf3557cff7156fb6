"""The positions of the frames of a series, read from the headers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.io.dicom.headers import ENHANCED_US_UID, SEG_UIDS, numbers, value_of
from amcnet.io.dicom.pixel_spacing import check_region_spacing, pixel_spacings

_PATIENT = (
    ("PlanePositionSequence", "ImagePositionPatient"),
    ("PlaneOrientationSequence", "ImageOrientationPatient"),
)
_VOLUME = (
    ("PlanePositionVolumeSequence", "ImagePositionVolume"),
    ("PlaneOrientationVolumeSequence", "ImageOrientationVolume"),
)
_COSINE_TOLERANCE = 1e-3
_SPACING_TOLERANCE = 1e-3  # relative; a greater difference means images of different scale


@dataclass(frozen=True)
class FramePositions:
    """Positions of frames that share one orientation.

    Attributes:
        positions_mm: Centre of each frame's first pixel, (frame, 3), in mm.
        rounding_mm: Half a unit of the last digit of the stated positions, along each of the three
            coordinates, in mm.
        orientation: Direction cosines of a row and of a column, six numbers.
        pixel_spacing_mm: Distance between rows and between columns, in DICOM's order.
        slice_distance_mm: SpacingBetweenSlices; None if not stated.
        slice_thickness_mm: SliceThickness; None if not stated.
        frame_of_reference_uid: Frame of reference of the positions; empty if not stated.
    """

    positions_mm: NDArray[np.float64]
    rounding_mm: NDArray[np.float64]
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]
    slice_distance_mm: float | None
    slice_thickness_mm: float | None
    frame_of_reference_uid: str


def positions_of_images(
    headers: Sequence[Any], names: Sequence[str], name: str, spacing_is_given: bool = False
) -> FramePositions | None:
    """Return the positions of single-frame images.

    Args:
        headers: One for each image.
        names: Name of each image in error messages.
        name: Name of all images in error messages.
        spacing_is_given: Whether the caller knows the voxel size; the header's voxel size is then
            not read.

    Returns:
        The positions; None if no image has one.

    Raises:
        InputError: If only some images have a position, orientations or spacings differ, or
            attributes contradict each other.
    """
    groups = [(header,) for header in headers]
    if not any(value_of(header, "ImagePositionPatient") for header in headers):
        return None
    return _positions(
        _every(groups, "ImagePositionPatient", 3, name),
        _every(groups, "ImageOrientationPatient", 6, name),
        np.ones((len(headers), 2)) if spacing_is_given else pixel_spacings(headers, names),
        _Stated.of(headers[0]),
        str(value_of(headers[0], "FrameOfReferenceUID") or ""),
        name,
    )


def positions_of_frames(
    header: Any,  # noqa: ANN401
    frames: int,
    name: str,
    spacing_is_given: bool = False,
) -> FramePositions | None:
    """Return the positions of the frames of a multi-frame image.

    An Enhanced Ultrasound Volume states positions in its volume frame of reference, other enhanced
    images in the frame of reference of the patient.

    Args:
        header: Header of the image.
        frames: Number of frames.
        name: Name of the image in error messages.
        spacing_is_given: Whether the caller knows the voxel size; the header's voxel size is then
            not read.

    Returns:
        The positions; None for an image without functional groups.

    Raises:
        InputError: If a frame lacks required attributes, or orientations or spacings differ.
    """
    shared = value_of(header, "SharedFunctionalGroupsSequence") or ()
    own = value_of(header, "PerFrameFunctionalGroupsSequence") or ()
    if not shared and not own:
        return None
    if len(own) != frames:
        raise InputError(f"{name}: describes {len(own)} frames of {frames}, expected each of them")
    groups = [(item, *shared) for item in own]
    in_volume = _is_volume(header, groups[0])
    (where, position), (how, orientation) = _VOLUME if in_volume else _PATIENT
    if not any(item for item in _inside(groups, where)):
        return None
    reference = value_of(header, "VolumeFrameOfReferenceUID") if in_volume else None
    measures = list(_inside(groups, "PixelMeasuresSequence"))
    spacings_mm = np.ones((frames, 2))
    if not spacing_is_given:
        spacings_mm = _every(measures, "PixelSpacing", 2, name)
        check_region_spacing(header, tuple(spacings_mm[0].tolist()), name)
    return _positions(
        _every(_inside(groups, where), position, 3, name, where),
        _every(_inside(groups, how), orientation, 6, name, how),
        spacings_mm,
        _Stated.of(*measures[0]),
        str(reference or value_of(header, "FrameOfReferenceUID") or ""),
        name,
    )


@dataclass(frozen=True)
class _Stated:
    """Distances along the normal that a header states."""

    distance_mm: float | None
    thickness_mm: float | None

    @classmethod
    def of(cls, *items: Any) -> "_Stated":  # noqa: ANN401
        return cls(_length(items, "SpacingBetweenSlices"), _length(items, "SliceThickness"))


def _length(items: tuple[Any, ...], keyword: str) -> float | None:
    for item in items:
        found = numbers(item, keyword, 1)
        if found is not None and np.isfinite(found[0]) and abs(found[0]) > 0:
            return abs(found[0])
    return None


def _is_volume(header: Any, group: tuple[Any, ...]) -> bool:  # noqa: ANN401
    uid = value_of(header, "SOPClassUID")
    has_patient = any(value_of(item, _PATIENT[0][0]) for item in group)
    has_volume = any(value_of(item, _VOLUME[0][0]) for item in group)
    return uid not in SEG_UIDS and (has_volume or (uid == ENHANCED_US_UID and not has_patient))


def _inside(groups: Iterable[tuple[Any, ...]], keyword: str) -> Iterable[tuple[Any, ...]]:
    """Return each frame's single item of a sequence in its own or in the shared groups."""
    for group in groups:
        items = (value_of(item, keyword) for item in group)
        yield next(((found[0],) for found in items if found), ())


def _every(
    groups: Iterable[tuple[Any, ...]], keyword: str, count: int, name: str, where: str = ""
) -> NDArray[np.float64]:
    """Return an attribute of every frame, (frame, count)."""
    rows = []
    for index, group in enumerate(groups, start=1):
        found = next((row for item in group if (row := numbers(item, keyword, count))), None)
        if found is None or not np.isfinite(found).all():
            place = f" in its {where}" if where else ""
            raise InputError(f"{name}: frame {index} has no {keyword}{place}, expected one")
        rows.append(found)
    return np.array(rows, dtype=np.float64)


def _positions(
    positions_mm: NDArray[np.float64],
    orientations: NDArray[np.float64],
    spacings_mm: NDArray[np.float64],
    stated: _Stated,
    frame_of_reference_uid: str,
    name: str,
) -> FramePositions:
    turned = np.abs(orientations - orientations[0]).max(axis=1) > _COSINE_TOLERANCE
    if turned.any():
        raise InputError(
            f"{name}: its frames have different orientations, {_text(orientations[0])} and "
            f"{_text(orientations[turned][0])}, expected one"
        )
    row, column = orientations[0].reshape(2, 3)
    lengths = np.linalg.norm(row), np.linalg.norm(column), 1 + row @ column
    if not np.allclose(lengths, 1, rtol=0, atol=_COSINE_TOLERANCE):
        raise InputError(
            f"{name}: its orientation is {_text(orientations[0])}, expected two unit vectors at "
            "right angles"
        )
    if (spacings_mm <= 0).any():
        raise InputError(f"{name}: PixelSpacing is {_text(spacings_mm.min(axis=0))}, expected > 0")
    other = np.abs(spacings_mm / spacings_mm[0] - 1).max(axis=1) > _SPACING_TOLERANCE
    if other.any():
        raise InputError(
            f"{name}: its frames have different PixelSpacing, {_text(spacings_mm[0])} and "
            f"{_text(spacings_mm[other][0])}, expected one"
        )
    return FramePositions(
        positions_mm=positions_mm,
        rounding_mm=_rounding(positions_mm),
        orientation=tuple(orientations[0].tolist()),
        pixel_spacing_mm=tuple(spacings_mm[0].tolist()),
        slice_distance_mm=stated.distance_mm,
        slice_thickness_mm=stated.thickness_mm,
        frame_of_reference_uid=frame_of_reference_uid,
    )


def _rounding(positions_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half a unit of the last decimal digit that occurs in each coordinate."""
    digits = []
    for column in positions_mm.T:
        exponents = [Decimal(repr(float(value))).as_tuple().exponent for value in column]
        digits.append(min(one for one in exponents if isinstance(one, int)))
    return 0.5 * 10.0 ** np.array(digits, dtype=np.float64)


def _text(values: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
