"""Both orientations of a NIfTI file, kept with its grid so that outputs have them too."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.io.geometry import Geometry


@dataclass(frozen=True)
class NiftiForms:
    """Orientation information of a NIfTI header.

    Attributes:
        version: 1 or 2.
        qform_code: Code of the qform, 0 if the header has none.
        sform_code: Code of the sform, 0 if the header has none.
        qform: Voxel to RAS position in mm, 4 x 4; None if there is none.
        sform: Likewise for the sform.
    """

    version: int
    qform_code: int
    sform_code: int
    qform: npt.NDArray[np.float64] | None = None
    sform: npt.NDArray[np.float64] | None = None


class NiftiGeometry(Geometry):
    """The grid of a NIfTI volume, including both orientations of its file.

    It is a geometry like any other; the forms are not a field of the dataclass and are not
    compared.
    """

    forms: NiftiForms | None = None


def with_nifti_forms(geometry: Geometry, forms: NiftiForms) -> Geometry:
    """Return the same grid together with the forms of its file."""
    known = NiftiGeometry.of(geometry)
    known.forms = forms
    return known


def forms_of(geometry: Geometry) -> NiftiForms | None:
    """Return the forms of the NIfTI file of a grid, None for any other grid."""
    return geometry.forms if isinstance(geometry, NiftiGeometry) else None


def ras_matrix(geometry: Geometry) -> npt.NDArray[np.float64]:
    """Return the 4 x 4 matrix from voxel indices (x, y, z) to RAS positions in mm."""
    matrix: npt.NDArray[Any] = np.eye(4)
    directions = np.array(geometry.direction, np.float64).reshape(3, 3)
    matrix[:3, :3] = directions * np.array(geometry.spacing_mm)
    matrix[:3, 3] = geometry.origin_mm
    result: npt.NDArray[np.float64] = np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix
    return result
