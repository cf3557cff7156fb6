"""Volumes at a size that a browser takes, in memory as NIfTI files with their true place."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.data.resampling import resample_image, resample_labels
from amcnet.io import Geometry

LARGEST_SIDE = 256
"""Voxels along an axis: a graphics card holds a volume of 256 x 256 x 256 in every colour."""

_GREYS = 255
_SHOWN_PERCENT = (0.1, 99.9)  # of greys that are not 8 bits already; the rest is black or white
_NIFTI_HEADER_BYTES, _NIFTI_UINT8, _NIFTI_MM, _NIFTI_LABELS = 348, 2, 2, 1002


@dataclass(frozen=True, eq=False)
class DisplayGrid:
    """The voxels that a page shows: the field of view of a volume, in fewer voxels if need be.

    Attributes:
        shape: Voxels in (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.
        affine: (4, 4), from (depth, lateral, scan) indices to mm in RAS, as NIfTI has it.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    affine: NDArray[np.float64]

    @classmethod
    def of(cls, geometry: Geometry, largest_side: int = LARGEST_SIDE) -> "DisplayGrid":
        """Return the grid that a volume is shown on; no axis is longer than ``largest_side``."""
        old = np.array(geometry.canonical_shape)
        new = np.minimum(old, largest_side)
        old_mm = np.array(geometry.canonical_spacing_mm)
        new_mm = old_mm * old / new
        origin, rows = geometry.canonical_grid()
        # The edges of the field of view stay, so the first voxel's centre moves inwards.
        origin = origin + ((new_mm - old_mm) / 2) @ rows
        affine = np.eye(4)
        affine[:3, :3] = (rows * new_mm[:, None])[::-1].T
        affine[:3, 3] = origin
        affine[:2] *= -1  # LPS to RAS
        scan, lateral, depth = (int(size) for size in new)
        scan_mm, lateral_mm, depth_mm = (float(size) for size in new_mm)
        return cls((scan, lateral, depth), (scan_mm, lateral_mm, depth_mm), affine)

    def to_ras_mm(self, index: NDArray[np.floating]) -> tuple[float, float, float]:
        """Return where an index (scan, lateral, depth) lies: mm to the right, front and top."""
        right, front, top = self.affine[:3, :3] @ index[::-1] + self.affine[:3, 3]
        return float(right), float(front), float(top)

    def greys(self, image: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return the image on this grid as greys; 8 bits stay as they are, others are scaled.

        Args:
            image: (scan, lateral, depth), any real dtype, finite.
        """
        is_kept = image.shape == self.shape
        if is_kept and image.dtype == np.uint8:
            return np.asarray(image, np.uint8)
        grey = image.astype(np.float32) if is_kept else resample_image(image, self.shape)
        if image.dtype != np.uint8:
            low, high = (float(value) for value in np.percentile(grey, _SHOWN_PERCENT))
            grey = (grey - low) * (_GREYS / (high - low if high > low else 1.0))
        return np.clip(np.rint(grey), 0, _GREYS).astype(np.uint8)

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels (scan, lateral, depth) on this grid: what fills most of each voxel."""
        return labels if labels.shape == self.shape else resample_labels(labels, self.shape)

    def nifti(self, voxels: NDArray[np.uint8], are_labels: bool = False) -> bytes:
        """Return voxels (scan, lateral, depth) of this grid as an uncompressed NIfTI-1 file."""
        header = bytearray(_NIFTI_HEADER_BYTES)
        scan, lateral, depth = self.shape
        scan_mm, lateral_mm, depth_mm = self.spacing_mm
        struct.pack_into("<i", header, 0, _NIFTI_HEADER_BYTES)
        struct.pack_into("<8h", header, 40, 3, depth, lateral, scan, 1, 1, 1, 1)
        struct.pack_into("<h", header, 68, _NIFTI_LABELS if are_labels else 0)
        struct.pack_into("<2h", header, 70, _NIFTI_UINT8, 8)
        struct.pack_into("<8f", header, 76, 1, depth_mm, lateral_mm, scan_mm, 0, 0, 0, 0)
        struct.pack_into("<f", header, 108, _NIFTI_HEADER_BYTES + 4)  # where the voxels begin
        struct.pack_into("<2f", header, 112, 1, 0)
        header[123] = _NIFTI_MM
        struct.pack_into("<2f", header, 124, 0 if are_labels else _GREYS, 0)  # brightest, darkest
        struct.pack_into("<2h", header, 252, 0, 1)  # no quaternion; the rows below say where it is
        struct.pack_into("<12f", header, 280, *self.affine[:3].ravel())
        header[344:348] = b"n+1\0"
        return bytes(header) + bytes(4) + np.ascontiguousarray(voxels).tobytes()
