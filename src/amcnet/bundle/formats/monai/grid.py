# SPDX-License-Identifier: Apache-2.0
"""Resampling between a file's grid and the network's, as in amcnet; needs PyTorch and MONAI only.

Axes are (scan, lateral, depth): LPS z, y, x. Resampling aligns the edges of the field of view.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import floor
from typing import Any

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from torch.nn.functional import interpolate

_ROUNDING_SLACK = 1e-3  # voxels: files keep spacings as float32
_CONSTANT = 1e-5  # relative to the largest value; a smaller deviation is rounding
_SLICES = "network_slices"  # slices of the image itself, without padding
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Orientation:
    """The file axes of scan, lateral and depth, and the axes that are reversed."""

    order: tuple[int, int, int]
    flipped: tuple[int, ...]

    @classmethod
    def of_image(cls, image: Any) -> "Orientation":  # noqa: ANN401  MONAI has no types
        """Derive the axes from the affine of an image."""
        matrix = _file_affine(image)[:3, :3]
        if str(image.meta.get("space", "RAS")) != "LPS":
            matrix = _RAS_TO_LPS @ matrix
        cosines = matrix / np.linalg.norm(matrix, axis=0)
        # Rounding makes ties fall to the first permutation, the one that moves least.
        x, y, z = max(
            permutations(range(3)),
            key=lambda axes: round(sum(abs(cosines[p, axis]) for p, axis in enumerate(axes)), 6),
        )
        order = (z, y, x)
        flipped = [n for n, axis in enumerate(order) if cosines[2 - n, axis] < 0]
        return cls(order, tuple(flipped))

    def to_canonical(self, array: torch.Tensor) -> torch.Tensor:
        """Turn (channel, x, y, z) into (channel, scan, lateral, depth)."""
        turned = array.permute(0, *(axis + 1 for axis in self.order))
        return turned.flip([axis + 1 for axis in self.flipped])

    def from_canonical(self, array: torch.Tensor) -> torch.Tensor:
        """Turn (scan, lateral, depth) into (x, y, z)."""
        return array.flip(self.flipped).permute(*np.argsort(self.order).tolist())


class ToNetworkGrid:
    """Turn an image to (channel, scan, lateral, depth) and resample it to the model's spacing.

    Args:
        spacing_mm: Spacing of the network's grid in (scan, lateral, depth).
        scan_tolerance: The scan axis is not resampled if its spacing differs by at most this.
    """

    def __init__(self, spacing_mm: Sequence[float], scan_tolerance: float) -> None:
        self.spacing_mm = tuple(spacing_mm)
        self.scan_tolerance = scan_tolerance

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Replace ``image``, (channel, x, y, z)."""
        image = data["image"]
        orientation = Orientation.of_image(image)
        affine = _file_affine(image)
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        array = orientation.to_canonical(image.as_tensor().float())
        spacing = [float(lengths[axis]) for axis in orientation.order]
        sizes_in = list(array.shape[1:])
        sizes_out = self._sizes(sizes_in, spacing)
        for axis, (size_in, size_out) in enumerate(zip(sizes_in, sizes_out, strict=True)):
            weights = _linear_weights(size_in, size_out).to(array.device)
            array = torch.tensordot(array, weights, dims=([axis + 1], [1])).movedim(-1, axis + 1)
        steps = [n_in / n_out for n_in, n_out in zip(sizes_in, sizes_out, strict=True)]
        new_affine = torch.as_tensor(affine @ _to_file_index(orientation, sizes_in, steps))
        resampled = MetaTensor(array.contiguous(), affine=new_affine, meta=dict(image.meta))
        return {**data, "image": resampled}

    def _sizes(self, sizes: list[int], spacing: list[float]) -> list[int]:
        extents = [
            n * length / to for n, length, to in zip(sizes, spacing, self.spacing_mm, strict=True)
        ]
        new = [max(1, floor(extent + 0.5 + _ROUNDING_SLACK)) for extent in extents]
        if abs(spacing[0] / self.spacing_mm[0] - 1) <= self.scan_tolerance:
            new[0] = sizes[0]
        return new


class Normalise:
    """Normalise the channels of ``image`` as in training.

    Args:
        channels: For each channel ``zscore`` (mean 0 and deviation 1 over the volume), or
            ``low``, ``high``, ``mean`` and ``deviation``: clip, subtract and divide.
    """

    def __init__(self, channels: Sequence[Any]) -> None:
        self.channels = list(channels)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Replace ``image``, (channel, scan, lateral, depth)."""
        image = data["image"].clone()
        for channel, how in zip(image, self.channels, strict=True):
            if how == "zscore":
                _zscore(channel)
            else:
                channel.clamp_(how["low"], how["high"]).sub_(how["mean"]).div_(how["deviation"])
        return {**data, "image": image}


class FillWindow:
    """Repeat the last slice of ``image`` if it has fewer slices than a window."""

    def __init__(self, window: int) -> None:
        self.window = window

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Replace ``image``, (channel, scan, lateral, depth)."""
        image = data["image"]
        array = image.as_tensor()
        missing = max(0, self.window - array.shape[1])
        filled = torch.cat([array, array[:, -1:].expand(-1, missing, -1, -1)], dim=1)
        meta = {**image.meta, _SLICES: array.shape[1]}
        return {**data, "image": MetaTensor(filled, affine=image.affine, meta=meta)}


class ToLabels:
    """The arg-max of the logits, interpolated to the grid of the file, slice by slice."""

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Replace ``pred``, logits (class, scan, lateral, depth), by labels (1, x, y, z)."""
        image = data["image"]
        logits = torch.as_tensor(data["pred"])[:, : int(image.meta[_SLICES])]
        orientation = Orientation.of_image(image)
        size = np.asarray(image.meta["spatial_shape"]).astype(int)
        scan, lateral, depth = (int(size[axis]) for axis in orientation.order)
        labels = torch.empty((scan, lateral, depth), dtype=torch.uint8)
        for index in range(scan):
            plane = _plane(logits, (index + 0.5) * logits.shape[1] / scan - 0.5)
            plane = interpolate(plane[None], (lateral, depth), mode="bilinear")
            labels[index] = plane[0].argmax(0)
        stored = orientation.from_canonical(labels)[None].contiguous()
        pred = MetaTensor(
            stored, affine=torch.as_tensor(_file_affine(image)), meta=dict(image.meta)
        )
        return {**data, "pred": pred}


def _file_affine(image: Any) -> np.ndarray[Any, np.dtype[np.float64]]:  # noqa: ANN401
    return np.array(image.meta["original_affine"], dtype=np.float64)


def _to_file_index(
    orientation: Orientation, sizes: list[int], steps: list[float]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the matrix from indices on the network's grid to indices in the file."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for axis, (stored, step) in enumerate(zip(orientation.order, steps, strict=True)):
        first = 0.5 * step - 0.5
        is_flipped = axis in orientation.flipped
        matrix[stored, axis] = -step if is_flipped else step
        matrix[stored, 3] = sizes[axis] - 1 - first if is_flipped else first
    return matrix


def _linear_weights(size_in: int, size_out: int) -> torch.Tensor:
    """Return the matrix of an anti-aliased linear resampling, (size_out, size_in)."""
    scale = size_in / size_out
    centres = (torch.arange(size_out, dtype=torch.float64) + 0.5) * scale - 0.5
    distance = (centres[:, None] - torch.arange(size_in)[None, :]).abs()
    weights = (1 - distance / max(1.0, scale)).clamp(min=0)
    return (weights / weights.sum(1, keepdim=True)).float()


def _zscore(channel: torch.Tensor) -> None:
    largest = float(channel.abs().max())
    channel.sub_(channel.mean(dtype=torch.float64))
    deviation = float(channel.double().std(correction=0))
    # A constant volume becomes zero instead of scaled rounding errors.
    channel.zero_() if deviation <= _CONSTANT * largest else channel.div_(deviation)


def _plane(logits: torch.Tensor, position: float) -> torch.Tensor:
    """Return the logits (class, lateral, depth) at a position between two slices."""
    last = logits.shape[1] - 1
    position = min(max(position, 0.0), float(last))
    lower = min(int(position), max(0, last - 1))
    upper = min(lower + 1, last)
    return torch.lerp(logits[:, lower], logits[:, upper], position - lower)
