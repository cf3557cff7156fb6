"""Spatial information of an NRRD header: spacing, units, origin and orientation."""

import logging
import math
import re

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.geometry import Triple
from amcnet.io.image_header import IDENTITY, differ, text_of
from amcnet.io.nrrd_axes import NrrdAxes, vectors_of, words_of
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
    space_mm = _space_units_mm(fields, axes)
    to_mm = space_mm if has_directions else _axis_units_mm(fields, axes, space_mm)
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
        _check_units(fields, axes, space_mm)
        _check_one_position(fields, axes)
    origin = _origin(fields, axes, vectors / to_mm, to_mm, space_mm) * signs
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


def _space_units_mm(fields: dict[str, str], axes: NrrdAxes) -> npt.NDArray[np.float64]:
    """Return the unit of each dimension of the space, in mm."""
    if "space units" not in fields:
        return np.ones(3)
    return _units_mm(
        "space units", fields["space units"], words_of(fields["space units"])[:3], axes
    )


def _axis_units_mm(
    fields: dict[str, str], axes: NrrdAxes, otherwise: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the unit of each spatial axis, in mm."""
    if "units" not in fields:
        return otherwise
    words = words_of(fields["units"])
    if len(words) != len(axes.sizes):
        raise InputError(f"units are '{fields['units']}', expected {len(axes.sizes)}")
    return _units_mm("units", fields["units"], [words[axis] for axis in axes.spatial[:3]], axes)


def _units_mm(name: str, text: str, units: list[str], axes: NrrdAxes) -> npt.NDArray[np.float64]:
    factors = [millimetres_of(unit) for unit in units]
    if len(factors) < min(3, len(axes.spatial)) or None in factors:
        raise InputError(f'{name} are {text}, expected units of length such as "mm"')
    return np.array([factor or 1.0 for factor in (*factors, 1.0, 1.0)][:3])


def _check_units(fields: dict[str, str], axes: NrrdAxes, space_mm: npt.NDArray[np.float64]) -> None:
    """Check that the units of the axes agree with those of the space directions."""
    if "space directions" not in fields:
        return
    axis_mm = _axis_units_mm(fields, axes, space_mm)
    if set(axis_mm) != set(space_mm):
        raise InputError(
            f"units are {fields['units']} but space units are "
            f"{fields.get('space units', 'not stated, which means mm')}, expected the same"
        )


def _check_one_position(fields: dict[str, str], axes: NrrdAxes) -> None:
    """Check that no position of the axes contradicts that of the space."""
    other = next((name for name in ("space directions", "space origin") if name in fields), None)
    for name in ("axis mins", "axis maxs"):
        if other is None or name not in fields:
            continue
        if np.isfinite(_numbers_of(fields, name, axes)[list(axes.spatial[:3])]).any():
            raise InputError(
                f"{name} are '{fields[name]}' beside {other} '{fields[other]}', expected one of "
                "the two"
            )


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
    vectors = vectors_of(without, len(axes.sizes), with_spacing=True)[list(axes.spatial[:3])]
    stated = np.nansum(vectors, axis=1) * to_mm
    known = stated > 0  # NaN stands for no spacing
    if differ(stated[known], spacing[known]):
        raise InputError(
            f"spacings are {text_of(stated)} mm but space directions are {text_of(spacing)} mm "
            "long, expected the same"
        )


def _origin(
    fields: dict[str, str],
    axes: NrrdAxes,
    vectors: npt.NDArray[np.float64],
    axis_mm: npt.NDArray[np.float64],
    space_mm: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the position of the first voxel in the file's own space, in mm."""
    text = fields.get("space origin")
    if text is None and "axis mins" in fields and "space directions" not in fields:
        return _first_centers(fields, axes, vectors) * axis_mm
    if text is None:
        return np.zeros(3)
    match = re.fullmatch(r"\s*\(([^()]*)\)\s*", text)
    try:
        numbers = [float(word) for word in match[1].split(",")] if match else []
    except ValueError:
        numbers = []
    if len(numbers) < 3:
        raise InputError(f"space origin is '{text}', expected a vector such as (0,0,0)")
    return np.array(numbers[:3]) * space_mm


def _first_centers(
    fields: dict[str, str], axes: NrrdAxes, vectors: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the position of the first voxel from "axis mins", and check "axis maxs"."""
    spatial = list(axes.spatial[:3])
    spacing = np.sqrt((vectors**2).sum(axis=1))
    lows = _numbers_of(fields, "axis mins", axes)[spatial]
    centerings = words_of(fields.get("centerings", " ".join(["cell"] * len(axes.sizes))))
    if len(centerings) != len(axes.sizes):
        raise InputError(f"centerings are '{fields['centerings']}', expected {len(axes.sizes)}")
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
