"""Windows as other scanners would show them: different tissue, gain, borders and no water.

A network that has only seen one kind of scan relies on its tissue intensities, its water bath and
its rectangular field of view. Each change here removes one of these. Random intensities for
clusters of tissue follow SynthSeg (Billot et al., Medical Image Analysis 2023).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from amcnet.io.geometry import Triple
from amcnet.training.transforms.gaussian_blur import blurred
from amcnet.training.transforms.random_stream import WindowRandom

_EACH = 0.5  # probability of each change
_CLUSTERS = 6
_CLUSTER_BLUR_MM = 1.0
_KEPT_TEXTURE = (0.3, 1.0)  # fraction of the speckle that is kept on the new intensities
_TISSUE = 0.35  # as a fraction of the intensity range: brighter depths are not water
_GAIN_STEPS = 6
_GAIN = 0.8  # largest change, in natural logarithms
_SECTOR_WIDTH = (0.35, 0.8)  # at the probe, as a fraction of the lateral size
_SECTOR_ANGLE_DEG = (10.0, 35.0)  # of each border, away from the beam


def vary_scan(
    image: Tensor, labels: Tensor, random: WindowRandom, spacing_mm: Triple
) -> tuple[Tensor, Tensor]:
    """Return a window to which each change is applied at random.

    Args:
        image: float32 (channel, scan, lateral, depth).
        labels: uint8 (scan, lateral, depth).
        random: The window's random numbers.
        spacing_mm: Spacing in (scan, lateral, depth).
    """
    if random.chance(_EACH):
        image = recluster(image, random, spacing_mm)
    if random.chance(_EACH):
        image, labels = remove_water(image, labels, random.uniform(0, 1))
    if random.chance(_EACH):
        image = gain_curve(image, random)
    if random.chance(_EACH):
        image, labels = sector(image, labels, random, spacing_mm)
    return image, labels


def recluster(image: Tensor, random: WindowRandom, spacing_mm: Triple) -> Tensor:
    """Return an image whose clusters of intensity have new, random mean intensities.

    The texture within a cluster is weakened but kept; the lowest cluster (no echo) remains the
    darkest.
    """
    smooth = blurred(image, [_CLUSTER_BLUR_MM / size for size in spacing_mm])
    low, span = smooth.amin(), (smooth.amax() - smooth.amin()).clamp_min(1e-6)
    place = (smooth - low) / span * (_CLUSTERS - 1)
    levels = torch.cat((smooth.new_zeros(1), (random.uniform_grid(_CLUSTERS - 1) + 1) / 2))
    below = place.long().clamp_(0, _CLUSTERS - 2)
    new = torch.lerp(levels[below], levels[below + 1], place - below)
    return new * span + low + (image - smooth) * random.uniform(*_KEPT_TEXTURE)


def remove_water(image: Tensor, labels: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Move a window towards the probe by a fraction of the water above it.

    At the far end, the image repeats its last slice, and the labels are background.
    """
    bright = image[0].flatten(0, 1).quantile(0.99, dim=0) if image[0].numel() else image[0]
    low, high = image[0].amin(), bright.amax()
    is_tissue = ((bright - low) > _TISSUE * (high - low)).nonzero()
    labelled = labels.flatten(0, 1).any(dim=0).nonzero()
    tops = [int(depths[0]) for depths in (is_tissue, labelled) if len(depths)]
    up = round(share * min(tops)) if tops else 0
    if up == 0:
        return image, labels
    moved = torch.cat((image[..., up:], image[..., -1:].expand(*image.shape[:-1], up)), dim=-1)
    return moved, functional.pad(labels[..., up:], (0, up))


def gain_curve(image: Tensor, random: WindowRandom) -> Tensor:
    """Return an image whose brightness changes smoothly along the depth."""
    knots = random.uniform_grid(_GAIN_STEPS) * _GAIN
    curve = functional.interpolate(
        knots[None, None], size=image.shape[-1], mode="linear", align_corners=True
    )[0, 0]
    darkest = image.amin(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(darkest, image, curve.exp())


def sector(
    image: Tensor, labels: Tensor, random: WindowRandom, spacing_mm: Triple
) -> tuple[Tensor, Tensor]:
    """Set voxels outside the field of view of a sector probe, which widens with depth, to black."""
    lateral, depth = image.shape[2:]
    half_mm = random.uniform(*_SECTOR_WIDTH) * lateral * spacing_mm[1] / 2
    slope = math.tan(math.radians(random.uniform(*_SECTOR_ANGLE_DEG)))
    middle = random.uniform(0.4, 0.6) * lateral
    across_mm = ((torch.arange(lateral, device=image.device) + 0.5 - middle) * spacing_mm[1]).abs()
    reach_mm = half_mm + slope * torch.arange(depth, device=image.device) * spacing_mm[2]
    outside = across_mm[:, None] > reach_mm
    darkest = image.amin(dim=(1, 2, 3), keepdim=True)
    return torch.where(outside, darkest, image), labels.masked_fill(outside, 0)
