"""Downsample volumes for display in a browser, as NIfTI files in memory along the scan's axes."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.data.resampling import resample_image, resample_labels
from amcnet.io import Geometry
from amcnet.short_repr import short_repr

LARGEST_SIDE = 256
"""Voxels along an axis: every graphics card can hold a volume of 256 x 256 x 256."""

_LEVELS = 255
_SHOWN_PERCENT = (0.1, 99.9)  # percentiles for intensities of more than 8 bits; others saturate
_NIFTI_HEADER_BYTES, _NIFTI_UINT8, _NIFTI_MM, _NIFTI_LABELS = 348, 2, 2, 1002


@dataclass(frozen=True, eq=False)
class DisplayImage:
    """Voxels sent to the browser; intensity = slope * voxel + intercept.

    Attributes:
        voxels: uint8, (scan, lateral, depth).
        slope: Intensity per step.
        intercept: Intensity of voxel value 0.

    Example:
        >>> DisplayImage(np.zeros((2, 2, 2), np.uint8), slope=2.0, intercept=-100.0).range
        (-100.0, 410.0)
    """

    voxels: NDArray[np.uint8]
    slope: float = 1.0
    intercept: float = 0.0
    __repr__ = short_repr

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest intensity that can be shown."""
        return self.intercept, self.intercept + self.slope * _LEVELS


@dataclass(frozen=True)
class DisplayGrid:
    """The grid that the page shows: the whole field of view, downsampled if necessary.

    Page coordinates are -lateral, -depth and -scan in mm, from the centre of the volume's first
    voxel. NiiVue interprets them as right, anterior and superior of a patient seen from the front.
    In that view, scan index 0 is at the top and depth 0 (the probe side) in front, as in the
    report, and left and right are not exchanged.

    Attributes:
        shape: Voxels in (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.
        full_spacing_mm: Voxel size of the volume itself.

    Example:
        >>> from amcnet.io import Geometry
        >>> DisplayGrid.of(Geometry.canonical((609, 1023, 512), (0.279, 0.130, 0.088))).shape
        (256, 256, 256)
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    full_spacing_mm: tuple[float, float, float]

    @classmethod
    def of(cls, geometry: Geometry, largest_side: int = LARGEST_SIDE) -> "DisplayGrid":
        """Return the grid for a volume; no axis has more than ``largest_side`` voxels."""
        old = np.array(geometry.canonical_shape)
        new = np.minimum(old, largest_side)
        old_mm = geometry.canonical_spacing_mm
        scan_mm, lateral_mm, depth_mm = (float(size) for size in np.array(old_mm) * old / new)
        scan, lateral, depth = (int(size) for size in new)
        return cls((scan, lateral, depth), (scan_mm, lateral_mm, depth_mm), old_mm)

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4), from (depth, lateral, scan) indices to the page's mm."""
        scan_mm, lateral_mm, depth_mm = self.spacing_mm
        affine = np.zeros((4, 4))
        affine[0, 1], affine[1, 0], affine[2, 2] = -lateral_mm, -depth_mm, -scan_mm
        # The edges of the field of view do not change, so the first voxel's centre moves inwards.
        scan, lateral, depth = -(np.array(self.spacing_mm) - self.full_spacing_mm) / 2
        affine[:, 3] = lateral, depth, scan, 1
        return affine

    def to_page_mm(self, index: NDArray[np.floating]) -> tuple[float, float, float]:
        """Return the page coordinates, in mm, of an index (scan, lateral, depth)."""
        x, y, z = self.affine[:3, :3] @ index[::-1] + self.affine[:3, 3]
        return float(x), float(y), float(z)

    def image(self, image: NDArray[np.generic]) -> DisplayImage:
        """Return an image on this grid; types other than 8-bit are scaled to 8 bits.

        Args:
            image: (scan, lateral, depth), any real dtype, finite.
        """
        is_kept = image.shape == self.shape
        if is_kept and image.dtype == np.uint8:
            return DisplayImage(np.asarray(image, np.uint8))
        levels = image.astype(np.float32) if is_kept else resample_image(image, self.shape)
        low, slope = 0.0, 1.0
        if image.dtype != np.uint8:
            low, high = (float(value) for value in np.percentile(levels, _SHOWN_PERCENT))
            slope = (high - low) / _LEVELS if high > low else 1.0
            levels = (levels - low) / slope
        return DisplayImage(np.clip(np.rint(levels), 0, _LEVELS).astype(np.uint8), slope, low)

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels (scan, lateral, depth) on this grid: the most frequent in each voxel."""
        return labels if labels.shape == self.shape else resample_labels(labels, self.shape)

    def nifti_image(self, image: DisplayImage) -> bytes:
        """Return an image on this grid as an uncompressed NIfTI-1 file."""
        header = self._header()
        struct.pack_into("<2f", header, 112, image.slope, image.intercept)
        low, high = image.range
        struct.pack_into("<2f", header, 124, high, low)
        return _nifti(header, image.voxels)

    def nifti_labels(self, labels: NDArray[np.uint8]) -> bytes:
        """Return labels on this grid as an uncompressed NIfTI-1 file."""
        header = self._header()
        struct.pack_into("<h", header, 68, _NIFTI_LABELS)
        return _nifti(header, labels)

    def _header(self) -> bytearray:
        header = bytearray(_NIFTI_HEADER_BYTES)
        scan, lateral, depth = self.shape
        scan_mm, lateral_mm, depth_mm = self.spacing_mm
        struct.pack_into("<i", header, 0, _NIFTI_HEADER_BYTES)
        struct.pack_into("<8h", header, 40, 3, depth, lateral, scan, 1, 1, 1, 1)
        struct.pack_into("<2h", header, 70, _NIFTI_UINT8, 8)
        struct.pack_into("<8f", header, 76, 1, depth_mm, lateral_mm, scan_mm, 0, 0, 0, 0)
        struct.pack_into("<f", header, 108, _NIFTI_HEADER_BYTES + 4)  # where the voxels begin
        struct.pack_into("<2f", header, 112, 1, 0)  # slope and intercept
        header[123] = _NIFTI_MM
        struct.pack_into("<2h", header, 252, 0, 1)  # no quaternion; the rows below place the grid
        struct.pack_into("<12f", header, 280, *self.affine[:3].ravel())
        header[344:348] = b"n+1\0"
        return header


def _nifti(header: bytearray, voxels: NDArray[np.uint8]) -> bytes:
    return bytes(header) + bytes(4) + np.ascontiguousarray(voxels).tobytes()


def index_to_patient(geometry: Geometry) -> NDArray[np.float64] | None:
    """Return the matrix (3, 4) from indices (scan, lateral, depth) to mm (right, front, top).

    None if the header has no information about the patient: a program without it aligns the axes of
    the file with those of the patient, in the file's order. Only a header with rotated or exchanged
    axes reveals a known position of the patient.
    """
    direction = np.array(geometry.direction).reshape(3, 3)
    if np.abs(direction - np.diag(np.diag(direction))).max() < _KNOWN_TURN:
        return None
    origin, rows = geometry.canonical_grid()
    matrix = np.empty((3, 4))
    matrix[:, :3] = (rows * np.array(geometry.canonical_spacing_mm)[:, None]).T
    matrix[:, 3] = origin
    matrix[:2] *= -1  # from left and back to right and front
    return matrix


_KNOWN_TURN = 1e-3
