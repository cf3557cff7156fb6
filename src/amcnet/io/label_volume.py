"""A label volume in memory, with the losses and assumptions of reading it."""

from dataclasses import dataclass

from amcnet.io.volume import Volume
from amcnet.short_repr import short_repr


@dataclass(frozen=True)
class SegmentOverlap:
    """Voxels shared by two segments, only one of which a label volume can show.

    Attributes:
        hidden: Name of the segment that lost the voxels.
        shown: Name of the segment that kept them.
        num_voxels: Number of these voxels.

    Example:
        >>> SegmentOverlap("lunate", "capitate", 12).num_voxels
        12
    """

    hidden: str
    shown: str
    num_voxels: int


@dataclass(frozen=True)
class LabelVolume(Volume):
    """Labels (scan, lateral, depth), uint8 or uint16; a :class:`Volume` with remarks.

    Attributes:
        overlaps: Voxels that were lost because segments overlap.
        remarks: Sentences, without a path, about losses and assumptions.
        has_segments: Whether the file is a 3D Slicer or DICOM segmentation, which may be cropped.

    Example:
        >>> import numpy as np
        >>> from amcnet.io.geometry import Geometry
        >>> labels = np.ones((2, 3, 4), np.uint8)
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> LabelVolume(labels, grid, overlaps=(SegmentOverlap("lunate", "capitate", 12),)).remarks
        ()
    """

    overlaps: tuple[SegmentOverlap, ...] = ()
    remarks: tuple[str, ...] = ()
    has_segments: bool = False
    __repr__ = short_repr
