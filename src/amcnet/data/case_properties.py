"""Properties of a case that are measured while it is checked: grid, intensities, label counts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from amcnet.io.geometry import Triple

MAX_SAMPLE = 10_000

_SEED = 0


class IntensityFigures(BaseModel):
    """Intensities of labelled voxels."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mean: float
    std: float
    percentile_00_5: float
    median: float
    percentile_99_5: float

    @classmethod
    def of(cls, sample: NDArray[np.float32]) -> "IntensityFigures":
        """Summarise a sample of at least one value."""
        values = sample.astype(np.float64)
        low, median, high = np.percentile(values, (0.5, 50, 99.5))
        return cls(
            mean=float(values.mean()),
            std=float(values.std()),
            percentile_00_5=float(low),
            median=float(median),
            percentile_99_5=float(high),
        )


@dataclass(frozen=True)
class ChannelProperties:
    """Intensities of one image.

    Attributes:
        minimum: Of all voxels.
        maximum: Of all voxels.
        mean: Of all voxels.
        std: Of all voxels.
        foreground: Of the sample; None if nothing is labelled.
        sample: Values of labelled voxels, drawn at random with a fixed seed, at most 10,000.
    """

    minimum: float
    maximum: float
    mean: float
    std: float
    foreground: IntensityFigures | None
    sample: NDArray[np.float32] = field(compare=False, repr=False)


@dataclass(frozen=True)
class CaseProperties:
    """Measured properties of a case.

    Attributes:
        name: Name of the case.
        shape: Voxels in (scan, lateral, depth).
        spacing_mm: Voxel size in (scan, lateral, depth).
        channels: One entry per image.
        voxels: Number of voxels of each label value that occurs, including 0 and the ignore label.

    Example:
        >>> image, labels = np.arange(8.0).reshape(2, 2, 2), np.zeros((2, 2, 2), np.uint8)
        >>> labels[1] = 1
        >>> channel = measure_channel(image, np.flatnonzero(labels))
        >>> case = CaseProperties("a", (2, 2, 2), (1.0, 1.0, 1.0), (channel,), count_labels(labels))
        >>> case.voxels, case.channels[0].foreground.mean
        ({0: 4, 1: 4}, 5.5)
    """

    name: str
    shape: tuple[int, int, int]
    spacing_mm: Triple
    channels: tuple[ChannelProperties, ...]
    voxels: dict[int, int]


def measure_channel(image: NDArray[Any], places: NDArray[np.int64]) -> ChannelProperties:
    """Measure one image, plane by plane in float64.

    Args:
        image: (scan, lateral, depth), any real dtype.
        places: Flat indices of the sampled voxels.
    """
    mean = sum(float(plane.sum()) for plane in _planes(image, np.float64)) / image.size
    square = sum(float(((plane - mean) ** 2).sum()) for plane in _planes(image, np.float64))
    sample = image.reshape(-1)[places].astype(np.float32)
    return ChannelProperties(
        minimum=float(image.min()),
        maximum=float(image.max()),
        mean=mean,
        std=float(np.sqrt(square / image.size)),
        foreground=IntensityFigures.of(sample) if sample.size else None,
        sample=sample,
    )


def count_labels(labels: NDArray[Any]) -> dict[int, int]:
    """Count the voxels of every label value that occurs."""
    counts = np.zeros(int(labels.max()) + 1, np.int64)
    for plane in labels:  # counting converts its input to 64-bit integers
        counts += np.bincount(plane.ravel(), minlength=len(counts))
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def sample_foreground(labels: NDArray[Any], ignore_value: int | None) -> NDArray[np.int64]:
    """Return flat indices of at most 10,000 labelled voxels, ascending; the same at every call."""
    total = sum(int(mask.sum()) for mask in _foreground(labels, ignore_value))
    ranks = np.arange(total)
    if total > MAX_SAMPLE:
        rng = np.random.default_rng(_SEED)
        ranks = np.sort(rng.choice(total, MAX_SAMPLE, replace=False, shuffle=False))
    places = []
    seen = 0
    for index, mask in enumerate(_foreground(labels, ignore_value)):
        inside = np.flatnonzero(mask)
        first, last = np.searchsorted(ranks, (seen, seen + len(inside)))
        places.append(inside[ranks[first:last] - seen] + index * mask.size)
        seen += len(inside)
    return np.concatenate(places).astype(np.int64)


def image_digest(image: NDArray[Any]) -> str:
    """Return a digest of the shape and of the values as float32, whatever the dtype."""
    digest = blake2b(repr(image.shape).encode(), digest_size=16)
    for plane in _planes(image, np.float32):
        digest.update((plane + np.float32(0)).data)  # -0 is treated as 0
    return digest.hexdigest()


def _planes(image: NDArray[Any], dtype: type[np.floating[Any]]) -> Iterator[NDArray[Any]]:
    return (np.ascontiguousarray(plane, dtype) for plane in image)


def _foreground(labels: NDArray[Any], ignore_value: int | None) -> Iterator[NDArray[np.bool_]]:
    for plane in labels:
        mask = plane != 0
        yield mask if ignore_value is None else mask & (plane != ignore_value)
