"""What a DICOM segmentation needs of the images that it was made from."""

from dataclasses import dataclass, field
from typing import Any

from amcnet.io.geometry import Geometry


@dataclass(frozen=True)
class FrameReference:
    """One slice of a volume, as DICOM refers to it.

    Attributes:
        sop_class_uid: Of the instance that holds it.
        sop_instance_uid: Of the instance that holds it.
        frame_number: From 1 in a multi-frame instance, None in a single-frame one.
    """

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None = None


@dataclass(frozen=True)
class DicomSource:
    """The images of a volume, without their pixels.

    Attributes:
        header: A `pydicom.Dataset`: patient, study and series. Never to be shown.
        frames: The slices in the order of the stored array's first axis.
        frame_of_reference_uid: Of the positions; empty where the images name none.
        has_positions: Whether the images say where their frames lie.
    """

    header: Any = field(repr=False)
    frames: tuple[FrameReference, ...]
    frame_of_reference_uid: str
    has_positions: bool = True


class DicomGeometry(Geometry):
    """The grid of a DICOM volume, which knows the images that it comes from.

    It is a geometry like any other. The source is no field of the dataclass: what writes down a
    geometry must not write down a patient.
    """

    source: DicomSource | None = None


def with_source(geometry: Geometry, source: DicomSource) -> DicomGeometry:
    """Return the same grid together with its source."""
    known = DicomGeometry(
        size=geometry.size,
        spacing_mm=geometry.spacing_mm,
        origin_mm=geometry.origin_mm,
        direction=geometry.direction,
        order=geometry.order,
        flipped=geometry.flipped,
    )
    known.source = source
    return known


def source_of(geometry: Geometry) -> DicomSource | None:
    """Return the images that a grid comes from, None for one that was not read from DICOM."""
    return geometry.source if isinstance(geometry, DicomGeometry) else None
