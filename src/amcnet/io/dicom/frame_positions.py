"""Where the frames of a series lie: read from the headers, one entry for each frame."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.io.dicom.headers import ENHANCED_US_UID, SEG_UIDS, numbers, value_of

_PATIENT = (
    ("PlanePositionSequence", "ImagePositionPatient"),
    ("PlaneOrientationSequence", "ImageOrientationPatient"),
)
_VOLUME = (
    ("PlanePositionVolumeSequence", "ImagePositionVolume"),
    ("PlaneOrientationVolumeSequence", "ImageOrientationVolume"),
)
_COSINE_TOLERANCE = 1e-3
_SPACING_TOLERANCE = 1e-3  # relative; what differs by more are images of different sizes


@dataclass(frozen=True)
class Placing:
    """Where frames lie, all in one orientation.

    Attributes:
        positions_mm: Centre of each frame's first pixel, (frame, 3), in mm.
        orientation: Direction cosines of a row and of a column, six numbers.
        pixel_spacing_mm: Distance between rows, and between columns, as DICOM orders them.
        slice_spacing_mm: What the header says of it; None where it says nothing.
        frame_of_reference_uid: What the positions refer to; empty where it is not named.
    """

    positions_mm: NDArray[np.float64]
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]
    slice_spacing_mm: float | None
    frame_of_reference_uid: str


def placing_of_headers(headers: Sequence[Any], name: str) -> Placing:
    """Return where single-frame images lie.

    Args:
        headers: One for each image.
        name: What they are called in an error.

    Raises:
        InputError: If an image lacks what is needed, or they differ in orientation or spacing.
    """
    groups = [(header,) for header in headers]
    return _placing(
        _every(groups, "ImagePositionPatient", 3, name),
        _every(groups, "ImageOrientationPatient", 6, name),
        _every(groups, "PixelSpacing", 2, name),
        _slice_spacing(headers[0]),
        str(value_of(headers[0], "FrameOfReferenceUID") or ""),
        name,
    )


def placing_of_frames(header: Any, frames: int, name: str) -> Placing | None:  # noqa: ANN401
    """Return where the frames of a multi-frame image lie.

    An Enhanced Ultrasound Volume says it in its own volume frame of reference, others in that of
    the patient.

    Args:
        header: Its header.
        frames: Number of its frames.
        name: What it is called in an error.

    Returns:
        Where they lie; None for an image of the old kind, which does not say it.

    Raises:
        InputError: If a frame lacks what is needed, or they differ in orientation or spacing.
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
    reference = value_of(header, "VolumeFrameOfReferenceUID") if in_volume else None
    return _placing(
        _every(_inside(groups, where), position, 3, name, where),
        _every(_inside(groups, how), orientation, 6, name, how),
        _every(_inside(groups, "PixelMeasuresSequence"), "PixelSpacing", 2, name),
        _slice_spacing(*next(iter(_inside(groups, "PixelMeasuresSequence")))),
        str(reference or value_of(header, "FrameOfReferenceUID") or ""),
        name,
    )


def _is_volume(header: Any, group: tuple[Any, ...]) -> bool:  # noqa: ANN401
    uid = value_of(header, "SOPClassUID")
    has_patient = any(value_of(item, _PATIENT[0][0]) for item in group)
    has_volume = any(value_of(item, _VOLUME[0][0]) for item in group)
    return uid not in SEG_UIDS and (has_volume or (uid == ENHANCED_US_UID and not has_patient))


def _inside(groups: Iterable[tuple[Any, ...]], keyword: str) -> Iterable[tuple[Any, ...]]:
    """Return, for each frame, the one item of a sequence in its own or in the shared group."""
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


def _slice_spacing(*items: Any) -> float | None:  # noqa: ANN401
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        for item in items:
            found = numbers(item, keyword, 1)
            if found is not None and np.isfinite(found[0]) and abs(found[0]) > 0:
                return abs(found[0])
    return None


def _placing(
    positions_mm: NDArray[np.float64],
    orientations: NDArray[np.float64],
    spacings_mm: NDArray[np.float64],
    slice_spacing_mm: float | None,
    frame_of_reference_uid: str,
    name: str,
) -> Placing:
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
    return Placing(
        positions_mm=positions_mm,
        orientation=tuple(orientations[0].tolist()),
        pixel_spacing_mm=tuple(spacings_mm[0].tolist()),
        slice_spacing_mm=slice_spacing_mm,
        frame_of_reference_uid=frame_of_reference_uid,
    )


def _text(values: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
