"""Resampling and normalisation of a volume, the same in training and in inference."""

import math
from math import floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from amcnet.data.resampling import resample_image
from amcnet.errors import InputError

_COARSEST = 50  # times the network's grid: no structure the size of a bone would remain
_MAX_VOXELS = 2e9  # on the network's grid: 25 times the paper's volume
PAPER_SPACING_MM = (0.279, 0.260, 0.176)

_ROUNDING_SLACK = 1e-3  # voxels; NIfTI stores spacings as float32, and 511.49999 means 511.5
_SQUARABLE = (1e-12, 1e15)  # intensities whose sums of squares are normal float32 numbers
_CONSTANT = 1e-5  # largest relative deviation caused by float32 rounding


def round_size(exact: float) -> int:
    """Round the exact size of an axis, in voxels of the network's grid, to a whole number."""
    return max(1, floor(exact + 0.5 + _ROUNDING_SLACK))


class FixedNormalisation(BaseModel):
    """Clip to a range, then subtract a mean and divide by a deviation: for calibrated values.

    The numbers come from a whole data set (CT, in Hounsfield units), not from a single volume.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: float
    high: float
    mean: float
    deviation: PositiveFloat

    @model_validator(mode="after")
    def _ordered(self) -> "FixedNormalisation":
        if self.low >= self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}, expected low < high")
        return self


Normalisation = Literal["zscore"] | FixedNormalisation


class Preprocessing(BaseModel):
    """Resampling to the model's spacing, then normalisation.

    Attributes:
        spacing_mm: Spacing of the network's grid in (scan, lateral, depth).
        scan_tolerance: Relative difference in spacing up to which the scan axis is not resampled.
        normalisation: ``zscore`` (mean 0 and standard deviation 1 over the whole volume) or fixed
            numbers; one for all channels, or a list with one for each.

    >>> import numpy as np
    >>> preprocessing = Preprocessing(spacing_mm=(1.0, 0.5, 0.5))
    >>> image = preprocessing.apply(np.arange(60).reshape(5, 4, 3), spacing_mm=(1.0, 1.0, 1.0))
    >>> image.shape, abs(float(image.mean())) < 1e-6
    ((5, 8, 6), True)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = PAPER_SPACING_MM
    scan_tolerance: float = Field(0.1, ge=0)
    normalisation: Normalisation | tuple[Normalisation, ...] = "zscore"

    def network_shape(
        self, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]
    ) -> tuple[int, int, int]:
        """Return the shape of the network's grid for a volume.

        Args:
            shape: Voxels of the volume in (scan, lateral, depth).
            spacing_mm: Voxel size in the same order.

        Raises:
            InputError: If its voxels are too coarse, or the network's grid would be too large.
        """
        extent_mm = [n * spacing for n, spacing in zip(shape, spacing_mm, strict=True)]
        exact = [size / target for size, target in zip(extent_mm, self.spacing_mm, strict=True)]
        if not math.prod(exact) <= _MAX_VOXELS:
            text = " x ".join(f"{size:g}" for size in extent_mm)
            raise InputError(f"the volume is {text} mm, expected less: is its spacing in mm?")
        for size, target in zip(spacing_mm, self.spacing_mm, strict=True):
            if size > _COARSEST * target:
                raise InputError(
                    f"the voxels are {size:g} mm long, expected at most {_COARSEST * target:g} "
                    "mm: is the spacing in mm?"
                )
        sizes = [round_size(size) for size in exact]
        if abs(spacing_mm[0] / self.spacing_mm[0] - 1) <= self.scan_tolerance:
            sizes[0] = shape[0]
        return sizes[0], sizes[1], sizes[2]

    def apply(
        self, image: NDArray[np.generic], spacing_mm: tuple[float, float, float], channel: int = 0
    ) -> NDArray[np.float32]:
        """Return one channel of a volume on the network's grid, normalised.

        Args:
            image: (scan, lateral, depth), any real dtype.
            spacing_mm: Its spacing.
            channel: Index of this channel in the model's input.

        Returns:
            float32 (scan, lateral, depth).
        """
        resampled = resample_image(image, self.network_shape(image.shape, spacing_mm))
        how = self.normalisation
        how = how[channel] if isinstance(how, tuple) else how
        if how == "zscore":
            return _zscore(resampled)
        np.clip(resampled, how.low, how.high, out=resampled)
        resampled -= np.float32(how.mean)
        resampled /= np.float32(how.deviation)
        return resampled


def _zscore(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalise a volume to mean 0 and standard deviation 1, in place."""
    largest = float(max(image.max(), -image.min()))
    if largest > 0 and not _SQUARABLE[0] < largest < _SQUARABLE[1]:
        image /= np.float32(largest)
        largest = 1.0
    # In float64, because a float32 mean is too coarse for a bright volume with little variation.
    image -= image.mean(dtype=np.float64)
    deviation = float(image.std())
    # A constant volume becomes zero instead of amplified rounding errors.
    if deviation <= _CONSTANT * largest:
        return np.zeros_like(image)
    image /= np.float32(deviation)
    return image
