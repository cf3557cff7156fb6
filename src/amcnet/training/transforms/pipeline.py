"""Random transforms of a batch of training windows, on the device of the batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from amcnet.errors import InputError
from amcnet.training.transforms.intensity import transform_intensity
from amcnet.training.transforms.label_to_image import synthesise_image
from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.scan_variation import vary_scan
from amcnet.training.transforms.settings import AugmentationConfig
from amcnet.training.transforms.spatial import (
    draw_spatial_transform,
    resample_window,
    sampling_grid,
)

_AXES = ("scan", "lateral", "depth")


@torch.no_grad()
def augment_batch(
    image: Tensor,
    labels: Tensor,
    settings: AugmentationConfig,
    seeds: Sequence[int],
    spacing_mm: tuple[float, float, float],
) -> tuple[Tensor, Tensor]:
    """Return changed copies of the windows of a batch.

    Unlike MONAI's separate transforms, all spatial transforms are one resampling, the transforms of
    a window depend only on its seed, and everything runs on the device of the batch.

    Args:
        image: Floating point, (batch, channel, scan, lateral, depth). All channels are moved
            together.
        labels: uint8 (batch, scan, lateral, depth). The outside of the window is background; the
            ignore value is moved like any other.
        settings: Probabilities and strengths of the transforms.
        seeds: One seed for each window, 0 or more. Everything except the noise is the same on all
            devices; the noise is the same on devices of one kind.
        spacing_mm: Voxel spacing in (scan, lateral, depth).

    Returns:
        Image and labels of the same shape and dtype.

    Raises:
        InputError: If shapes or number of seeds do not match.
    """
    _check(image, labels, seeds)
    new_image, new_labels = torch.empty_like(image), torch.empty_like(labels)
    with torch.autocast(image.device.type, enabled=False):
        for index, seed in enumerate(seeds):
            window = image[index].float(), labels[index]
            random = WindowRandom(seed, image.device)
            new_image[index], new_labels[index] = _augment(*window, settings, random, spacing_mm)
    return new_image, new_labels


def _augment(
    image: Tensor,
    labels: Tensor,
    settings: AugmentationConfig,
    random: WindowRandom,
    spacing_mm: tuple[float, float, float],
) -> tuple[Tensor, Tensor]:
    mirrored = [random.chance(settings.mirror_probability) for _ in _AXES]
    for axis, name in enumerate(_AXES):
        if mirrored[axis] and name in settings.mirror_axes:
            image, labels = image.flip(axis + 1), labels.flip(axis)
    if random.chance(settings.spatial_probability) and _can_move(settings):
        transform = draw_spatial_transform(settings, random, labels.shape, spacing_mm)
        grid = sampling_grid(transform, labels.shape, spacing_mm, image.device)
        image, labels = resample_window(image, labels, grid)
    if settings.label_to_image_probability and random.chance(settings.label_to_image_probability):
        share = random.uniform(0, 1)
        image = torch.lerp(image, synthesise_image(labels, random, spacing_mm), share)
    if settings.scan_variation_probability and random.chance(settings.scan_variation_probability):
        image, labels = vary_scan(image, labels, random, spacing_mm)
    return transform_intensity(image, settings, random, spacing_mm), labels


def _can_move(settings: AugmentationConfig) -> bool:
    turns = settings.rotation_deg, settings.yaw_deg, settings.pitch_deg
    elastic = settings.elastic_mm, settings.elastic_scan_mm
    return any((*turns, settings.scale, settings.shift, *elastic))


def _check(image: Tensor, labels: Tensor, seeds: Sequence[int]) -> None:
    if image.ndim != 5 or labels.shape != (image.shape[0], *image.shape[2:]):
        raise InputError(
            f"labels have shape {tuple(labels.shape)}, expected "
            f"{(image.shape[0], *image.shape[2:])} for an image of shape {tuple(image.shape)}"
        )
    if len(seeds) != len(image):
        raise InputError(f"found {len(seeds)} seeds, expected {len(image)}: one for each window")
