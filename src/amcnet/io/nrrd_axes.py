"""The axes of the array in an NRRD file: steps, kinds, and which ones are spatial."""

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.image_header import sequence_error

_SPATIAL_KINDS = ("domain", "space")
_UNKNOWN_KINDS = ("???", "none")
# Kinds of the channel axis; SimpleITK writes colours as vectors.
_COLOUR_KINDS = ("rgb-color", "rgba-color", "3-color", "4-color", "vector", *_UNKNOWN_KINDS)


@dataclass(frozen=True)
class NrrdAxes:
    """The axes of the stored array.

    Attributes:
        sizes: Entries along each axis, fastest first.
        vectors: Step along each axis; NaN for non-spatial axes.
        kinds: The kind of each axis, lower case.
        spatial: Indices of the spatial axes.
    """

    sizes: tuple[int, ...]
    vectors: npt.NDArray[np.float64]
    kinds: tuple[str, ...]
    spatial: tuple[int, ...]


def axes_of(fields: dict[str, str], sizes: tuple[int, ...], with_spacing: bool) -> NrrdAxes:
    """Return the axes of the stored array.

    Args:
        fields: Fields of the header, by lower-case name.
        sizes: Entries along each axis, fastest first.
        with_spacing: Whether the header must state a usable voxel size.

    Raises:
        InputError: If kinds, directions or spacings cannot be parsed. The text has no path.
    """
    vectors = vectors_of(fields, len(sizes), with_spacing)
    kinds = tuple(words_of(fields.get("kinds", " ".join(["???"] * len(sizes)))))
    if len(kinds) != len(sizes):
        raise InputError(f"kinds are '{fields['kinds']}', expected {len(sizes)}")
    kinds = tuple(kind.lower() for kind in kinds)
    spatial = tuple(
        axis
        for axis, kind in enumerate(kinds)
        if kind in _SPATIAL_KINDS or (kind in _UNKNOWN_KINDS and not np.isnan(vectors[axis]).any())
    )
    return NrrdAxes(sizes, vectors, kinds, spatial)


def vectors_of(fields: dict[str, str], rank: int, with_spacing: bool) -> npt.NDArray[np.float64]:
    """Return the step along each axis in the file's own space and units."""
    if "space directions" in fields:
        return _parse_directions(fields["space directions"], rank)
    text = fields.get("spacings")
    if text is None:
        if with_spacing:
            raise InputError("the header has no voxel spacing, expected 'space directions'")
        return np.eye(rank)[:, : max(rank, 3)]
    try:
        spacings = [float(word) for word in text.split()]
    except ValueError:
        spacings = []
    # A non-spatial axis, such as channels, has NaN.
    if not with_spacing and len(spacings) == rank == 3:
        spacings = [value if 0 < value < math.inf else 1.0 for value in spacings]
    bad = any(not (math.isnan(value) or 0 < value < math.inf) for value in spacings)
    if len(spacings) != rank or bad:
        raise InputError(f"spacing is '{text}', expected positive finite numbers")
    vectors, place = np.full((rank, max(rank, 3)), math.nan), 0
    for axis, spacing in enumerate(spacings):
        if not math.isnan(spacing):
            vectors[axis] = 0
            vectors[axis, place] = spacing
            place += 1
    return vectors


def _parse_directions(text: str, count: int) -> npt.NDArray[np.float64]:
    entries = re.findall(r"none|\([^()]*\)", text)
    rest = re.sub(r"none|\([^()]*\)", "", text).strip()
    try:
        parsed = [
            None if entry == "none" else [float(word) for word in entry.strip("()").split(",")]
            for entry in entries
        ]
        lengths = {len(vector) for vector in parsed if vector is not None}
        if len(parsed) != count or rest or len(lengths) != 1 or max(lengths) < 2:
            raise ValueError
    except ValueError:
        raise InputError(
            f"space directions are '{text}', expected {count} vectors or 'none'"
        ) from None
    width = max(lengths.pop(), 3)
    vectors = np.full((count, width), math.nan)
    for row, vector in zip(vectors, parsed, strict=True):
        if vector is not None:
            row[:] = 0
            row[: len(vector)] = vector
    return vectors


def channels_of(axes: NrrdAxes) -> tuple[int, bool]:
    """Return the number of values per voxel, and whether they are stored next to each other.

    Raises:
        InputError: If the file holds a sequence or complex numbers. The text has no path.
    """
    others = [axis for axis, size in enumerate(axes.sizes) if axis not in axes.spatial and size > 1]
    kinds = [axes.kinds[axis] for axis in others]
    frames = next((a for a, k in zip(others, kinds, strict=True) if k in ("list", "time")), None)
    if frames is not None and len(axes.spatial) == 2:
        raise sequence_error(axes.sizes[frames])
    if frames is not None and (
        axes.kinds[frames] == "time" or frames > max(axes.spatial, default=0)
    ):
        raise sequence_error(axes.sizes[frames], "volumes")
    if "complex" in kinds:
        raise InputError("voxels are complex numbers, expected real ones")
    if not others:
        return 1, True
    if len(others) == 1 and others[0] < min(axes.spatial, default=0):
        return axes.sizes[others[0]], True
    if len(others) == 1 and others[0] > max(axes.spatial, default=0):
        return axes.sizes[others[0]], False
    kinds_text = " ".join(axes.kinds)
    raise InputError(f"kinds are '{kinds_text}', expected three spatial axes and one of channels")


def may_be_colour(axes: NrrdAxes) -> bool:
    """Return whether the channels may be colours; layers of segments are not."""
    others = [axis for axis, size in enumerate(axes.sizes) if axis not in axes.spatial and size > 1]
    return all(axes.kinds[axis] in _COLOUR_KINDS for axis in others)


def words_of(text: str) -> list[str]:
    """Split the text of a field at spaces, except within quotation marks."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text)]
