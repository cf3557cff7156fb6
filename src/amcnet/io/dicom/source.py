"""The source images of a volume, to which a DICOM segmentation refers."""

from dataclasses import dataclass, field
from typing import Any

from amcnet.io.geometry import Geometry


@dataclass(frozen=True)
class FrameReference:
    """A reference to the image or frame of one slice of a volume.

    Attributes:
        sop_class_uid: SOPClassUID of the instance.
        sop_instance_uid: SOPInstanceUID of the instance.
        frame_number: From 1 in a multi-frame instance, None in a single-frame instance.
    """

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None = None


@dataclass(frozen=True)
class DicomSource:
    """The images of a volume, without their pixels.

    Attributes:
        header: A `pydicom.Dataset`: patient, study and series. It must never be shown.
        frames: The slices in the order of the stored array's first axis.
        frame_of_reference_uid: Frame of reference of the positions; empty if not stated.
        has_positions: Whether the images state the positions of their frames, and these were used.
    """

    header: Any = field(repr=False)
    frames: tuple[FrameReference, ...]
    frame_of_reference_uid: str
    has_positions: bool = True


class DicomGeometry(Geometry):
    """The grid of a DICOM volume, with a reference to its source images.

    The source is not a field of the dataclass, so that code which writes a geometry does not write
    patient data.
    """

    source: DicomSource | None = None


def with_source(geometry: Geometry, source: DicomSource) -> DicomGeometry:
    """Return the same grid together with its source."""
    known = DicomGeometry.of(geometry)
    known.source = source
    return known


def dicom_source_of(geometry: Geometry) -> DicomSource | None:
    """Return the source images of a grid; None if it was not read from DICOM."""
    return geometry.source if isinstance(geometry, DicomGeometry) else None
