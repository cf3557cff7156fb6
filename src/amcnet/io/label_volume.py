"""A label volume in memory, with what was lost or assumed when it was read."""

from dataclasses import dataclass

from amcnet.io.volume import Volume


@dataclass(frozen=True)
class SegmentOverlap:
    """Voxels that two segments share; a label volume shows one of them only.

    Attributes:
        hidden: Name of the segment that lost the voxels.
        shown: Name of the segment that has them.
        num_voxels: Their number.

    Example:
        >>> SegmentOverlap("lunate", "capitate", 12).num_voxels
        12
    """

    hidden: str
    shown: str
    num_voxels: int


@dataclass(frozen=True)
class LabelVolume(Volume):
    """Labels in canonical order.

    Attributes:
        overlaps: Voxels that were lost because segments overlap.
        remarks: Sentences, without a path, about what was lost or assumed.
        has_segments: Whether the file is a 3D Slicer or DICOM segmentation, which may be cropped.
    """

    overlaps: tuple[SegmentOverlap, ...] = ()
    remarks: tuple[str, ...] = ()
    has_segments: bool = False
