"""Distorted scans of phantoms: without errors, a model cannot be calibrated."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from studies.other_origin import Spacing, redrawn, warp_field, warped

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Distortion = Callable[[Image, Labels, Spacing, Generator], tuple[Image, Labels]]

_EXTRA_NOISE = 8, 30  # standard deviation in intensities
_CUT = (0.1, 0.35), (0.1, 0.35), (0.05, 0.2)  # of each axis
_BLUR_MM = 0.4, 1.5


def noise(image: Image, labels: Labels, _: Spacing, rng: Generator) -> tuple[Image, Labels]:
    """Add noise with the grain of speckle."""
    grain = gaussian_filter(rng.standard_normal(image.shape).astype(np.float32), 0.7)
    grain *= rng.uniform(*_EXTRA_NOISE) / grain.std()
    return np.clip(image + grain, 0, 255).astype(np.uint8), labels


def gain(image: Image, labels: Labels, _: Spacing, rng: Generator) -> tuple[Image, Labels]:
    """Change contrast, gain, and how the gain depends on depth."""
    depth = np.linspace(-1, 1, image.shape[2])
    curve = rng.uniform(0.5, 1.6) * np.exp(depth * rng.uniform(-0.9, 0.9))
    changed = 255 * (image / 255) ** rng.uniform(0.6, 1.6) * curve
    return np.clip(changed, 0, 255).astype(np.uint8), labels


def blur(image: Image, labels: Labels, spacing: Spacing, rng: Generator) -> tuple[Image, Labels]:
    """Blur, as with a probe of lower frequency."""
    sigma = [rng.uniform(*_BLUR_MM) / mm for mm in spacing]
    return gaussian_filter(image.astype(np.float32), sigma).astype(np.uint8), labels


def cut(image: Image, labels: Labels, _: Spacing, rng: Generator) -> tuple[Image, Labels]:
    """Cut the field of view at one end of two axes."""
    box = [slice(None)] * 3
    for axis in rng.choice(3, 2, replace=False):
        size = image.shape[axis]
        lost = int(size * rng.uniform(*_CUT[axis]))
        box[axis] = slice(lost, None) if rng.random() < 0.5 else slice(None, size - lost)
    part = tuple(box)
    return np.ascontiguousarray(image[part]), np.ascontiguousarray(labels[part])


def other_renderer(
    _: Image, labels: Labels, spacing: Spacing, rng: Generator
) -> tuple[Image, Labels]:
    """Draw the hand with the renderer of studies/other_origin.py."""
    return redrawn(labels, spacing, rng), labels


def other_bones(
    image: Image, labels: Labels, spacing: Spacing, rng: Generator
) -> tuple[Image, Labels]:
    """Warp the hand, and change its proportions."""
    field = warp_field(image.shape, spacing, rng)
    return warped(image, field, 1), warped(labels, field, 0)


def other_bones_and_renderer(
    image: Image, labels: Labels, spacing: Spacing, rng: Generator
) -> tuple[Image, Labels]:
    """Warp the hand and draw it with the other renderer."""
    moved = warped(labels, warp_field(image.shape, spacing, rng), 0)
    return redrawn(moved, spacing, rng), moved


DISTORTIONS: dict[str, Distortion] = {
    "noise": noise,
    "gain": gain,
    "cut": cut,
    "blur": blur,
    "other renderer": other_renderer,
    "other bones": other_bones,
    "other bones and renderer": other_bones_and_renderer,
}


def distorted(
    number: int, image: Image, labels: Labels, spacing: Spacing
) -> tuple[str, Image, Labels]:
    """Return the name of the distortion, the scan and its labels.

    Args:
        number: Number of the case: every third one is unchanged, the others take turns.
        image: Intensities, (scan, lateral, depth).
        labels: The true labels.
        spacing: Voxel size in mm.
    """
    if number % 3 == 0:
        return "none", image, labels
    index = 2 * number % len(DISTORTIONS)
    name = list(DISTORTIONS)[index]
    rng = np.random.default_rng([number, len(DISTORTIONS), index + 1])
    return name, *DISTORTIONS[name](image, labels, spacing, rng)
