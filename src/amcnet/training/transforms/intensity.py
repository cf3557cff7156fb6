"""Intensity transforms of a training window, in the order of the imaging chain.

Effects on the sound come first, then effects on the signal. The lowest intensity of a window means
no echo. All channels of a window are changed in the same way, except for the added noise.
"""

from math import exp, sqrt

import torch
from torch import Tensor

from amcnet.io.geometry import Triple
from amcnet.training.transforms.gaussian_blur import blurred
from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.settings import AugmentationConfig
from amcnet.training.transforms.smooth_field import smooth_field

SPECKLE_LENGTH_MM = 1.5
SHADING_LENGTH_MM = 30.0
_TONE_STEPS = 6
_SHADOW_HALF_WIDTH_MM = (1.5, 8.0)
_SHADOW_EDGE_MM = 0.5
_SHADOW_ONSET_MM = (2.0, 8.0)  # depth over which a shadow becomes dark
_SHADOW_TOP = (0.1, 0.7)  # start, as a fraction of the depth


def transform_intensity(
    image: Tensor, settings: AugmentationConfig, random: WindowRandom, spacing_mm: Triple
) -> Tensor:
    """Return a window with changed intensities.

    Args:
        image: float32 (channel, scan, lateral, depth).
        settings: Strengths.
        random: The window's random numbers.
        spacing_mm: Spacing in (scan, lateral, depth).
    """
    darkest = image.amin(
        dim=(1, 2, 3), keepdim=True
    )  # no echo, which stays unchanged until the gain
    factor = _draw_factor(settings, random, image.shape[1:], spacing_mm)
    if factor is not None:
        image = torch.lerp(darkest, image, factor)
    if settings.blur_mm:
        image = blurred(image, [random.uniform(0, settings.blur_mm) / s for s in spacing_mm])
    if settings.tone:
        steepness = random.uniform_grid(_TONE_STEPS).mul_(settings.tone).exp_()
        image = _with_tone(image, darkest, steepness)
    if settings.gamma:
        exponent = exp(random.uniform(-settings.gamma, settings.gamma))
        image = _with_gamma(image, darkest, exponent)
    if settings.contrast or settings.gain or settings.offset:
        contrast = random.uniform(1 - settings.contrast, 1 + settings.contrast)
        gain = random.uniform(1 - settings.gain, 1 + settings.gain)
        offset = random.uniform(-settings.offset, settings.offset)
        mean = image.mean(dim=(1, 2, 3), keepdim=True)
        image = torch.add(gain * (1 - contrast) * mean + offset, image, alpha=gain * contrast)
    if settings.noise:
        deviation = random.uniform(0, settings.noise)
        image = torch.add(image, random.normal(*image.shape), alpha=deviation)
    return image


def _draw_factor(
    settings: AugmentationConfig, random: WindowRandom, shape: tuple[int, ...], spacing_mm: Triple
) -> Tensor | None:
    """Return the factor of the brightness, (scan, lateral, depth); None for no change."""
    factor = None
    if settings.speckle:
        deviation = random.uniform(0, settings.speckle)
        factor = speckle_field(random, deviation, shape, spacing_mm)
    if random.chance(settings.shadow_probability) and settings.shadow:
        shadow = shadow_field(random, settings.shadow, shape, spacing_mm)
        factor = shadow if factor is None else factor.mul_(shadow)
    if settings.shading:
        deviation = random.uniform(0, settings.shading)
        field = smooth_field(random, 1, shape, spacing_mm, SHADING_LENGTH_MM)[0]
        shading = field.mul_(deviation).exp_()
        factor = shading if factor is None else factor.mul_(shading)
    return factor


def speckle_field(
    random: WindowRandom, deviation: float, shape: tuple[int, ...], spacing_mm: Triple
) -> Tensor:
    """Return multiplicative speckle: positive, with mean 1, half of it fine and half coarse."""
    patches = smooth_field(random, 1, shape, spacing_mm, SPECKLE_LENGTH_MM)[0]
    patches /= patches.std(correction=0).clamp_min(1e-6)
    speckle = (patches + random.normal(*shape)).mul_(deviation / sqrt(2)).exp_()
    return speckle.div_(speckle.mean())


def shadow_field(
    random: WindowRandom, strength: float, shape: tuple[int, ...], spacing_mm: Triple
) -> Tensor:
    """Return the transmission of an acoustic shadow, 1 - ``strength`` to 1."""
    scan, lateral, depth = (
        torch.arange(size, device=random.device) * spacing
        for size, spacing in zip(shape, spacing_mm, strict=True)
    )
    along = _soft_band(scan, random)
    across = _soft_band(lateral, random)
    top = random.uniform(*_SHADOW_TOP) * shape[2] * spacing_mm[2]
    onset = random.uniform(*_SHADOW_ONSET_MM)
    down = 1 - torch.exp(-(depth - top).clamp_min(0) / onset)
    taken = random.uniform(strength / 2, strength)
    return 1 - taken * along[:, None, None] * across[:, None] * down


def _soft_band(position_mm: Tensor, random: WindowRandom) -> Tensor:
    """Return a band about a random position: 1 inside, 0 outside, with soft edges."""
    middle = random.uniform(float(position_mm[0]), float(position_mm[-1]))
    half_width = random.uniform(*_SHADOW_HALF_WIDTH_MM)
    return torch.sigmoid((half_width - (position_mm - middle).abs()) / _SHADOW_EDGE_MM)


def _with_tone(image: Tensor, darkest: Tensor, steepness: Tensor) -> Tensor:
    """Map intensities by a monotonic piecewise linear curve that keeps the extremes."""
    span = image.amax(dim=(1, 2, 3), keepdim=True) - darkest
    span = torch.where(span > 0, span, 1)
    heights = torch.cat((steepness.new_zeros(1), steepness.cumsum(0) / steepness.sum()))
    place = (image - darkest) / span * len(steepness)
    part = place.long().clamp_(0, len(steepness) - 1)
    curve = heights[part] + (place - part) * heights.diff()[part]
    return curve.mul_(span).add_(darkest)


def _with_gamma(image: Tensor, darkest: Tensor, exponent: float) -> Tensor:
    """Apply a gamma curve to the intensities between each channel's minimum and maximum."""
    span = image.amax(dim=(1, 2, 3), keepdim=True) - darkest
    span = torch.where(span > 0, span, 1)
    # The blur may round an intensity to just below the minimum.
    share = ((image - darkest) / span).clamp_min_(0)
    return share.pow_(exponent).mul_(span).add_(darkest)
