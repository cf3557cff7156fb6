"""Spatial information of an NRRD header: axes, spacing, units, origin and orientation."""

import logging
import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.geometry import Triple
from amcnet.io.image_header import IDENTITY, differ, sequence_error, text_of
from amcnet.io.space_units import millimetres_of

_log = logging.getLogger(__name__)

# Space -> signs that convert a position to LPS.
_LPS_SIGNS = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
# Spaces without a relation to the patient are interpreted as LPS, as in ITK.
_UNRELATED_SPACES = ("scanner-xyz", "3d-right-handed")
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
    vectors = _vectors(fields, len(sizes), with_spacing)
    kinds = tuple(_words(fields.get("kinds", " ".join(["???"] * len(sizes)))))
    if len(kinds) != len(sizes):
        raise InputError(f"kinds are '{fields['kinds']}', expected {len(sizes)}")
    kinds = tuple(kind.lower() for kind in kinds)
    spatial = tuple(
        axis
        for axis, kind in enumerate(kinds)
        if kind in _SPATIAL_KINDS or (kind in _UNKNOWN_KINDS and not np.isnan(vectors[axis]).any())
    )
    return NrrdAxes(sizes, vectors, kinds, spatial)


def _vectors(fields: dict[str, str], rank: int, with_spacing: bool) -> npt.NDArray[np.float64]:
    """Return the step along each axis in the file's own space and units."""
    if "space directions" in fields:
        return _parse_vectors("space directions", fields["space directions"], rank)
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


def _parse_vectors(name: str, text: str, count: int) -> npt.NDArray[np.float64]:
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
        raise InputError(f"{name} are '{text}', expected {count} vectors or 'none'") from None
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


def grid_of(
    fields: dict[str, str], axes: NrrdAxes, with_spacing: bool
) -> tuple[Triple, Triple, tuple[float, ...]]:
    """Return spacing, origin and direction of the first three spatial axes, LPS, in mm.

    Raises:
        InputError: If they are unusable, unknown or contradictory. The text has no path.
    """
    vectors = axes.vectors[list(axes.spatial[:3])][:, :3]
    has_directions = "space directions" in fields
    signs = _signs(fields) if has_directions or "space" in fields else np.ones(3)
    to_mm = _to_millimetres(fields, axes)
    vectors = vectors * to_mm * (signs if has_directions else 1)
    with np.errstate(all="ignore"):
        spacing = np.sqrt((vectors**2).sum(axis=1))
    if not all(0 < value < math.inf for value in spacing):
        if with_spacing:
            text = fields.get("space directions", fields.get("spacings"))
            raise InputError(f"spacing is '{text}', expected positive finite numbers")
        spacing = np.where((spacing > 0) & np.isfinite(spacing), spacing, 1.0)
        vectors = np.eye(3) if not np.isfinite(vectors).all() or not vectors.any() else vectors
    if with_spacing:
        _check_both(fields, axes, spacing, to_mm)
    origin = _origin(fields, axes, vectors / to_mm) * signs * to_mm
    direction = (vectors / spacing[:, None]).T if has_directions else np.array(IDENTITY)
    x, y, z = (float(value) for value in spacing)
    return (x, y, z), tuple(map(float, origin)), tuple(map(float, direction.ravel()))  # type: ignore[return-value]


def _signs(fields: dict[str, str]) -> npt.NDArray[np.float64]:
    space = fields.get("space", "").lower().removesuffix("-time")
    if space in _UNRELATED_SPACES:
        _log.warning(
            "space is '%s', which does not refer to a patient: interpreted as LPS", fields["space"]
        )
    if "space" not in fields or space in _UNRELATED_SPACES:
        return np.ones(3)
    if space not in _LPS_SIGNS:
        raise InputError(
            f"space is '{fields['space']}', expected left-posterior-superior, "
            "right-anterior-superior or left-anterior-superior"
        )
    return np.array(_LPS_SIGNS[space], np.float64)


def _to_millimetres(fields: dict[str, str], axes: NrrdAxes) -> npt.NDArray[np.float64]:
    """Return the factor from each dimension's unit to millimetres."""
    if "space units" in fields and "space directions" in fields:
        name, units = "space units", _words(fields["space units"])[:3]
    elif "units" in fields and "space directions" not in fields:
        words = _words(fields["units"])
        if len(words) != len(axes.sizes):
            raise InputError(f"units are '{fields['units']}', expected {len(axes.sizes)}")
        name, units = "units", [words[axis] for axis in axes.spatial[:3]]
    else:
        return np.ones(3)
    factors = [millimetres_of(unit) for unit in units]
    if len(factors) < min(3, len(axes.spatial)) or None in factors:
        raise InputError(f'{name} are {fields[name]}, expected units of length such as "mm"')
    return np.array([factor or 1.0 for factor in (*factors, 1.0, 1.0)][:3])


def _check_both(
    fields: dict[str, str],
    axes: NrrdAxes,
    spacing: npt.NDArray[np.float64],
    to_mm: npt.NDArray[np.float64],
) -> None:
    """Check that spacings agree with the directions if a header states both."""
    if not {"spacings", "space directions"} <= set(fields):
        return
    without = {name: text for name, text in fields.items() if name != "space directions"}
    vectors = _vectors(without, len(axes.sizes), with_spacing=True)[list(axes.spatial[:3])]
    stated = np.nansum(vectors, axis=1) * to_mm
    if differ(stated, spacing):
        raise InputError(
            f"spacings are {text_of(stated)} mm but space directions are {text_of(spacing)} mm "
            "long, expected the same"
        )


def _origin(
    fields: dict[str, str], axes: NrrdAxes, vectors: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the position of the first voxel in the file's own units."""
    text = fields.get("space origin")
    if text is None and "axis mins" in fields and "space directions" not in fields:
        return _first_centers(fields, axes, vectors)
    if text is None:
        return np.zeros(3)
    origin: npt.NDArray[np.float64] = _parse_vectors("space origin", text, 1)[0][:3]
    return origin


def _first_centers(
    fields: dict[str, str], axes: NrrdAxes, vectors: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the position of the first voxel from "axis mins", and check "axis maxs"."""
    spatial = list(axes.spatial[:3])
    spacing = np.sqrt((vectors**2).sum(axis=1))
    lows = _numbers_of(fields, "axis mins", axes)[spatial]
    centerings = _words(fields.get("centerings", " ".join(["cell"] * len(axes.sizes))))
    is_cell = np.array([centerings[axis].lower() != "node" for axis in spatial])
    if "axis maxs" in fields:
        steps = np.array([axes.sizes[axis] for axis in spatial]) - np.where(is_cell, 0, 1)
        stated = (_numbers_of(fields, "axis maxs", axes)[spatial] - lows) / np.maximum(steps, 1)
        if np.isfinite(stated).all() and (steps > 0).all() and differ(stated, spacing):
            raise InputError(
                f"spacings are {text_of(spacing)} but axis mins and maxs mean {text_of(stated)}, "
                "expected the same"
            )
    return np.nan_to_num(lows + np.where(is_cell, spacing / 2, 0))


def _numbers_of(fields: dict[str, str], name: str, axes: NrrdAxes) -> npt.NDArray[np.float64]:
    try:
        numbers = np.array([float(word) for word in fields[name].split()])
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) != len(axes.sizes):
        raise InputError(f"{name} are '{fields[name]}', expected {len(axes.sizes)} numbers")
    return numbers


def _words(text: str) -> list[str]:
    """Split a text at spaces, except within quotation marks."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text)]
