"""Random changes to training windows.

A lateral mirror turns a right hand into a left one and keeps every name; scan and depth are never
mirrored.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.ndimage import affine_transform

Image = NDArray[np.float32]
Labels = NDArray[np.uint8]


class Augmentation(BaseModel):
    """How often and how strongly windows are changed. Strengths are half-widths of ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mirror_probability: float = Field(0.5, ge=0, le=1)
    spatial_probability: float = Field(0.5, ge=0, le=1)
    rotation_deg: float = Field(8.0, ge=0, le=45)
    scale: float = Field(0.1, ge=0, lt=1)
    shift: float = Field(0.06, ge=0, lt=1, description="of the lateral and depth axis")
    gain: float = Field(0.25, ge=0, lt=1)
    offset: float = Field(0.2, ge=0)
    gamma: float = Field(0.25, ge=0, lt=1)
    noise: float = Field(0.15, ge=0, description="standard deviation at most")


def augment(
    image: Image, labels: Labels, settings: Augmentation, rng: Generator
) -> tuple[Image, Labels]:
    """Return a changed copy of a window, both arrays (scan, lateral, depth)."""
    if rng.random() < settings.mirror_probability:
        image, labels = image[:, ::-1], labels[:, ::-1]
    if rng.random() < settings.spatial_probability:
        image, labels = _move(image, labels, settings, rng)
    return _change_grey(image, settings, rng), np.ascontiguousarray(labels)


def _move(
    image: Image, labels: Labels, settings: Augmentation, rng: Generator
) -> tuple[Image, Labels]:
    """Rotate within the transverse plane, scale and shift."""
    angle = np.deg2rad(rng.uniform(-settings.rotation_deg, settings.rotation_deg))
    scale = rng.uniform(1 - settings.scale, 1 + settings.scale, 3)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) / scale[:, None]
    size = np.array(image.shape)
    centre = (size - 1) / 2
    shift = rng.uniform(-settings.shift, settings.shift, 3) * size * (0, 1, 1)
    offset = centre - matrix @ (centre + shift)
    moved = affine_transform(image, matrix, offset, order=1, mode="nearest")
    moved_labels = affine_transform(labels, matrix, offset, order=0, mode="constant")
    return moved, moved_labels


def _change_grey(image: Image, settings: Augmentation, rng: Generator) -> Image:
    low, high = float(image.min()), float(image.max())
    span = high - low or 1.0
    gamma = np.float32(np.exp(rng.uniform(-settings.gamma, settings.gamma)))
    changed: Image = ((image - low) / span) ** gamma * span + low
    changed *= np.float32(rng.uniform(1 - settings.gain, 1 + settings.gain))
    changed += np.float32(rng.uniform(-settings.offset, settings.offset))
    sigma = np.float32(rng.uniform(0, settings.noise))
    changed += sigma * rng.standard_normal(changed.shape, dtype=np.float32)
    return changed
