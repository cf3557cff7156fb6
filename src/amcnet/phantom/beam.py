"""The beam along depth: reflection, attenuation, shadows and specular echoes.

Everything is cumulative along depth, following Wein et al. and COLE; the probe lies at depth index
0. Interfaces are looked up by the pair of tissues above and below them.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from amcnet.phantom.acoustics import Acoustics
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.point_spread import Cascade
from amcnet.phantom.solids import Field
from amcnet.phantom.tissue import Tissue

_PAIR = 8  # a pair of tissues is coded as 8 * above + below
_DEEPEST_LOSS_DB = 90.0
_FACE_SMOOTHING_MM = 0.35
_BONES = (Tissue.CORTEX, Tissue.EPIPHYSIS)


def pairs_of(tissue: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the code of (tissue above, tissue here) of each voxel; depth is the last axis."""
    pairs = tissue.copy()
    pairs[..., 1:] += tissue[..., :-1] * np.uint8(_PAIR)
    pairs[..., 0] += tissue[..., 0] * np.uint8(_PAIR)
    return pairs


def reflection_table(a: Acoustics) -> NDArray[np.float64]:
    """Return the reflection coefficient |Z2 - Z1| / (Z2 + Z1) of each pair of tissues."""
    above = np.array(a.impedance_mrayl)[:, None]
    below = np.array(a.impedance_mrayl)[None, :]
    return _by_pair(np.abs(below - above) / (below + above))


def loss_table_db(a: Acoustics, grid: PhantomGrid) -> Field:
    """Return the two-way attenuation of one voxel in dB (positive), by pair of tissues."""
    through = np.array(a.attenuation_db_per_cm_mhz) * 2 * a.frequency_mhz * grid.spacing_mm[2] / 10
    crossing = -20 * np.log10(1 - reflection_table(a) ** 2)
    return (crossing + _by_pair(np.broadcast_to(through, (len(Tissue),) * 2))).astype(np.float32)


def specular_table(a: Acoustics, kind: Literal["skin", "inner"]) -> Field:
    """Return the specular echo of each pair of tissues at normal incidence.

    Args:
        a: The acoustic settings of the scan.
        kind: ``skin`` (water above) or ``inner`` (all other interfaces).
    """
    echo = reflection_table(a)
    above = np.arange(echo.size) // _PAIR
    is_skin = above == Tissue.WATER
    gain = np.where(is_skin, a.skin_echo, a.bone_echo)
    table: Field = np.where(is_skin == (kind == "skin"), gain * echo, 0).astype(np.float32)
    return table


def first_face_mm(inside: NDArray[np.bool_], grid: PhantomGrid) -> Field:
    """Return the depth at which each column first enters a mask; else the volume's end."""
    first = np.argmax(inside, axis=-1)
    entered = np.take_along_axis(inside, first[..., None], axis=-1)[..., 0]
    face: Field = first.astype(np.float32) * np.float32(grid.spacing_mm[2])
    face[~entered] = np.float32(grid.extent_mm[2])
    return face


def bone_mask(tissue: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the mask of bone."""
    table = np.zeros(len(Tissue), bool)
    table[list(_BONES)] = True
    mask: NDArray[np.bool_] = table[tissue]
    return mask


def facing(face_mm: Field, grid: PhantomGrid) -> Field:
    """Return the cosine between the beam and the normal of a face, by (scan, lateral) column."""
    sigma = [_FACE_SMOOTHING_MM / spacing for spacing in grid.spacing_mm[:2]]
    smooth = gaussian_filter(face_mm, sigma)
    square = np.ones_like(smooth)
    for axis, spacing in enumerate(grid.spacing_mm[:2]):
        if smooth.shape[axis] > 1:
            square += np.gradient(smooth, spacing, axis=axis) ** 2
    cosine: Field = (1 / np.sqrt(square)).astype(np.float32)
    return cosine


def specular_gain(cosine: Field, a: Acoustics) -> Field:
    """Return the share of a specular echo that returns to the probe: .12 + .88 cos^n."""
    return np.float32(0.12) + np.float32(0.88) * cosine ** np.float32(a.specular_power)


def grazing_dropout(cosine: Field) -> Field:
    """Return the remaining share of the skin's echo, zero beyond about 75 degrees."""
    share: Field = np.clip((cosine - np.float32(0.25)) / np.float32(0.2), 0, 1)
    return share


def echo_weight(loss_db: Field, softening: Cascade) -> Field:
    """Return the two-way transmission of the beam at each voxel of a slice.

    Args:
        loss_db: (lateral, depth) loss of every voxel, overwritten.
        softening: Blur of shadow edges across the beam.
    """
    np.cumsum(loss_db, axis=1, out=loss_db)
    np.minimum(loss_db, np.float32(_DEEPEST_LOSS_DB), out=loss_db)
    softening.apply_rows(loss_db)
    loss_db *= np.float32(-np.log(10) / 20)
    return np.exp(loss_db, out=loss_db)


def _by_pair(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rearrange a (above, below) table by the code of the pair."""
    coded = np.zeros((_PAIR, _PAIR))
    coded[: len(table), : len(table)] = table
    return coded.ravel()
