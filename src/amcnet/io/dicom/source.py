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

    Example:
        >>> FrameReference("1.2.840.10008.5.1.4.1.1.6.2", "1.2.3", frame_number=7).frame_number
        7
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

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> from amcnet.io.dicom import read_dicom_geometry
        >>> source = read_dicom_geometry(get_testdata_file("CT_small.dcm")).source
        >>> len(source.frames), source.has_positions
        (1, True)
    """

    header: Any = field(repr=False)
    frames: tuple[FrameReference, ...]
    frame_of_reference_uid: str
    has_positions: bool = True


class DicomGeometry(Geometry):
    """The grid of a DICOM volume, with a reference to its source images.

    The source is not a field of the dataclass, so that code which writes a geometry does not write
    patient data.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> from amcnet.io.dicom import read_dicom_geometry
        >>> geometry = read_dicom_geometry(get_testdata_file("CT_small.dcm"))
        >>> type(geometry).__name__, "source" in repr(geometry)
        ('DicomGeometry', False)
    """

    source: DicomSource | None = None


def with_source(geometry: Geometry, source: DicomSource) -> DicomGeometry:
    """Return the same grid together with its source."""
    known = DicomGeometry.of(geometry)
    known.source = source
    return known


def dicom_source_of(geometry: Geometry) -> DicomSource | None:
    """Return the source images of a grid; None if it was not read from DICOM.

    Example:
        >>> dicom_source_of(Geometry.canonical((2, 4, 4), (1.0, 1.0, 1.0))) is None
        True
    """
    return geometry.source if isinstance(geometry, DicomGeometry) else None
