"""Both orientations of a NIfTI header, and the choice between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.geometry import Triple, check_right_angles
from amcnet.io.image_header import IDENTITY, differ, text_of
from amcnet.io.nifti_forms import NiftiForms

_TEMPLATE_CODES = (3, 4, 5)  # Talairach, MNI 152, others: not the size of the scanned body
_SAME_POSITION = 0.1  # voxels
_SAME_DIRECTION = 0.01
_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class NiftiGrid:
    """Position and orientation of the voxels: LPS, in mm."""

    spacing_mm: Triple
    origin_mm: Triple
    direction: tuple[float, ...]


def read_forms(version: int, fields: Any, unit_mm: float, with_spacing: bool) -> NiftiForms:  # noqa: ANN401
    """Return both orientations of a header, in mm.

    Args:
        version: Version of the header.
        fields: nibabel's header.
        unit_mm: Unit of the header in mm.
        with_spacing: Whether the header must state a usable voxel size.

    Raises:
        InputError: If a code is unknown, or an orientation is no rotation or not finite. The text
            has no path.
    """
    qform_code, sform_code = int(fields["qform_code"]), int(fields["sform_code"])
    for name, code in (("qform_code", qform_code), ("sform_code", sform_code)):
        if not 0 <= code <= 5:
            raise InputError(f"{name} is {code}, expected 0 to 5")
    scale = np.diag([unit_mm] * 3 + [1.0])
    qform = _qform(fields, with_spacing) if qform_code else None
    sform = np.array(fields.get_sform(), np.float64) if sform_code else None
    for matrix in (qform, sform):
        if matrix is not None and not np.isfinite(matrix).all():
            raise InputError("the NIfTI orientation has values that are not finite")
    return NiftiForms(
        version=version,
        qform_code=qform_code,
        sform_code=sform_code,
        qform=None if qform is None else scale @ qform,
        sform=None if sform is None else scale @ sform,
    )


def _qform(fields: Any, with_spacing: bool) -> npt.NDArray[np.float64]:  # noqa: ANN401
    pixdim = np.array(fields["pixdim"], np.float64)
    if pixdim[0] not in (1.0, -1.0):
        fields["pixdim"][0] = -1.0 if pixdim[0] < 0 else 1.0  # NIfTI: 0 means 1
    if not with_spacing:
        usable = np.isfinite(pixdim[1:4]) & (pixdim[1:4] > 0)
        fields["pixdim"][1:4] = np.where(usable, pixdim[1:4], 1.0)
    try:
        return np.array(fields.get_qform(), np.float64)
    except ValueError:
        quaternion = [float(fields[name]) for name in ("quatern_b", "quatern_c", "quatern_d")]
        raise InputError(
            f"the quaternion of the qform is ({text_of(quaternion, ', ')}), expected a rotation"
        ) from None


def choose_grid(
    forms: NiftiForms, pixdim: Sequence[float], size: Sequence[int], with_spacing: bool
) -> NiftiGrid:
    """Return the grid that a header describes, after checking that it is consistent.

    Args:
        forms: Both orientations.
        pixdim: Stated voxel size, in mm.
        size: Voxels along the file's x, y and z.
        with_spacing: Whether the header must state a usable voxel size.

    Raises:
        InputError: If orientations or sizes contradict each other, or the axes are not at right
            angles. The text has no path.
    """
    qform, sform = forms.qform, forms.sform
    x, y, z = (value if math.isfinite(value) and value > 0 else 1.0 for value in pixdim)
    spacing_mm = (x, y, z)
    if sform is not None and qform is not None and forms.sform_code in _TEMPLATE_CODES:
        sform = None
    if sform is not None:
        lengths = np.sqrt((sform[:3, :3] ** 2).sum(axis=0))
        if not (lengths > 0).all():
            raise InputError("the sform has an axis of length zero, expected three axes")
        check_right_angles(sform[:3, :3] / lengths)
        if with_spacing and differ(lengths, spacing_mm):
            raise InputError(
                f"pixdim says {text_of(spacing_mm)} mm but the sform {text_of(lengths)} mm, "
                "expected the same voxel size"
            )
        if qform is not None and forms.qform_code == forms.sform_code and with_spacing:
            _check_same(qform, sform, size)
        return _grid_of(sform, lengths, spacing_mm)
    if qform is not None:
        return _grid_of(qform, np.sqrt((qform[:3, :3] ** 2).sum(axis=0)), spacing_mm)
    return NiftiGrid(spacing_mm, (0.0, 0.0, 0.0), IDENTITY)


def _check_same(
    qform: npt.NDArray[np.float64], sform: npt.NDArray[np.float64], size: Sequence[int]
) -> None:
    """Check that two orientations for the same space agree on the position of every voxel."""
    lengths = np.sqrt((sform[:3, :3] ** 2).sum(axis=0))
    q_axes, s_axes = (form[:3, :3] / lengths for form in (qform, sform))
    if np.abs(q_axes - s_axes).max() > _SAME_DIRECTION:
        raise InputError(
            f"the qform has the axes ({text_of(q_axes.ravel(), ', ')}) but the sform "
            f"({text_of(s_axes.ravel(), ', ')}) for the same space, expected the same"
        )
    apart = max(
        float(np.abs((qform - sform) @ [*corner, 1.0]).max())
        for corner in ((0, 0, 0), tuple(extent - 1 for extent in size))
    )
    if apart > max(_SAME_POSITION * lengths.min(), _SAME_DIRECTION * max(size) * lengths.min()):
        raise InputError(
            f"the qform has the origin ({text_of(qform[:3, 3], ', ')}) but the sform "
            f"({text_of(sform[:3, 3], ', ')}) mm for the same space, expected the same"
        )


def _grid_of(
    matrix: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64], spacing_mm: Triple
) -> NiftiGrid:
    direction = _LPS @ (matrix[:3, :3] / lengths)
    x, y, z = (float(value) for value in _LPS @ matrix[:3, 3])
    return NiftiGrid(spacing_mm, (x, y, z), tuple(float(value) for value in direction.ravel()))
