"""What happens to a volume before a network sees it: the same in training and in inference."""

import math
from math import floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from amcnet.data.resampling import resample_image
from amcnet.errors import InputError

_MAX_VOXELS = 2e9  # on the network's grid: 25 times the paper's volume
PAPER_SPACING_MM = (0.279, 0.260, 0.176)

_ROUNDING_SLACK = 1e-3  # voxels; NIfTI keeps spacings as float32, and 511.49999 means 511.5
_CONSTANT = 1e-5  # deviation relative to the largest value that is only float32 rounding


class Preprocessing(BaseModel):
    """Resampling to the model's spacing, then normalisation.

    Attributes:
        spacing_mm: Spacing of the network's grid in (scan, lateral, depth).
        scan_tolerance: The scan axis is left alone where its spacing differs by no more than this.
        normalisation: ``zscore``: mean 0 and standard deviation 1 over the whole volume.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = PAPER_SPACING_MM
    scan_tolerance: float = Field(0.1, ge=0)
    normalisation: Literal["zscore"] = "zscore"

    def network_shape(
        self, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]
    ) -> tuple[int, int, int]:
        """Return the shape of the network's grid for a volume, (scan, lateral, depth)."""
        extent_mm = [n * spacing for n, spacing in zip(shape, spacing_mm, strict=True)]
        exact = [size / target for size, target in zip(extent_mm, self.spacing_mm, strict=True)]
        if not math.prod(exact) <= _MAX_VOXELS:
            text = " x ".join(f"{size:g}" for size in extent_mm)
            raise InputError(f"the volume is {text} mm, expected a hand: is its spacing in mm?")
        sizes = [max(1, floor(size + 0.5 + _ROUNDING_SLACK)) for size in exact]
        if abs(spacing_mm[0] / self.spacing_mm[0] - 1) <= self.scan_tolerance:
            sizes[0] = shape[0]
        return sizes[0], sizes[1], sizes[2]

    def apply(
        self, image: NDArray[np.generic], spacing_mm: tuple[float, float, float]
    ) -> NDArray[np.float32]:
        """Return a volume on the network's grid, normalised.

        Args:
            image: (scan, lateral, depth), any real dtype.
            spacing_mm: Its spacing.

        Returns:
            float32 (scan, lateral, depth).
        """
        resampled = resample_image(image, self.network_shape(image.shape, spacing_mm))
        largest = float(max(resampled.max(), -resampled.min()))
        # In float64: a float32 mean is too coarse where a bright volume hardly varies.
        resampled -= resampled.mean(dtype=np.float64)
        deviation = float(resampled.std())
        # A constant volume has nothing but rounding to scale and becomes zero.
        if deviation <= _CONSTANT * largest:
            return np.zeros_like(resampled)
        return resampled / np.float32(deviation)
