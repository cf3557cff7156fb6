"""Width of an epiphysis relative to the end of its shaft.

Readers of bone age compare the two: in the stages of Tanner and Whitehouse, an epiphysis is "half
or more the width of the metaphysis", then equally wide, then caps it (Assessment of Skeletal
Maturity and Prediction of Adult Height, 2nd edition, 1983). They see a projection; here both widths
are measured in 3D, in one direction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable, Structure
from amcnet.labelmaps.region import Labels, Region, extent_mm
from amcnet.labelmaps.region_finding import find_regions

BONE, EPIPHYSIS = "bone", "epiphysis"
_END = 0.2  # of the shaft's length: long enough to contain the rim of a curved growth plate


@dataclass(frozen=True)
class GrowthEnd:
    """An epiphysis and the end of its shaft; widths are None if either is absent.

    Attributes:
        bone: Name of the bone that the epiphysis belongs to.
        epiphysis_width_mm: Extent of the epiphysis across the bone, in the direction in which the
            two are widest.
        shaft_end_width_mm: Extent, in the same direction, of the fifth of the shaft next to the
            epiphysis.

    Example:
        >>> GrowthEnd("distal phalanx of thumb", 6.0, 8.0).width_ratio
        0.75
    """

    bone: str
    epiphysis_width_mm: float | None = None
    shaft_end_width_mm: float | None = None

    @property
    def width_ratio(self) -> float | None:
        """Width of the epiphysis divided by the width of the shaft's end."""
        if self.epiphysis_width_mm is None or self.shaft_end_width_mm is None:
            return None
        return self.epiphysis_width_mm / self.shaft_end_width_mm


@dataclass(frozen=True)
class Placed:
    """A structure with its volume.

    Attributes:
        labels: The volume, (scan, lateral, depth).
        value: Label of the structure.
        region: Its surface and moments.
    """

    labels: Labels
    value: int
    region: Region

    def mask(self) -> NDArray[np.bool_]:
        """Return the mask of the structure in its bounding box."""
        mask: NDArray[np.bool_] = self.labels[self.region.box] == self.value
        return mask


def bones_of_epiphyses(table: LabelTable) -> dict[int, int]:
    """Return the label value of the bone of every epiphysis, by label value of the epiphysis.

    The bone is the neighbour of kind ``bone`` in the same group and segment, or the only neighbour
    of that kind. Epiphyses without such a neighbour are not listed.

    Args:
        table: Any label table; without epiphyses, the result is empty.

    Example:
        >>> from amcnet.anatomy import hand_label_table
        >>> bones_of_epiphyses(hand_label_table())[13]
        14
    """
    return {
        structure.value: bone
        for structure in table
        if structure.kind == EPIPHYSIS and (bone := _bone_of(structure, table)) is not None
    }


def _bone_of(epiphysis: Structure, table: LabelTable) -> int | None:
    bones = [s for s in (table[value] for value in epiphysis.neighbours) if s.kind == BONE]
    own = [s for s in bones if (s.group, s.segment) == (epiphysis.group, epiphysis.segment)]
    found = own or bones
    return found[0].value if len(found) == 1 else None


def measure_growth_end(name: str, shaft: Placed, epiphysis: Region) -> GrowthEnd:
    """Measure an epiphysis and the end of its shaft.

    The axis of the bone runs from the centre of the shaft to the centre of the epiphysis, also for
    shafts that are as wide as long.

    Args:
        name: Name of the bone.
        shaft: The bone without its epiphysis.
        epiphysis: The epiphysis.
    """
    axis = epiphysis.centroid_mm - shaft.region.centroid_mm
    length_mm = float(np.linalg.norm(axis))
    if length_mm < 1e-6:  # such as a ring around the shaft, which has no end
        return GrowthEnd(name)
    axis /= length_mm
    end = _shaft_end(shaft, axis)
    across = np.eye(3) - np.outer(axis, axis)
    spread = across @ (end.covariance_mm2 + epiphysis.covariance_mm2) @ across
    widest = np.linalg.eigh(spread)[1][:, -1]
    return GrowthEnd(name, extent_mm(epiphysis, widest), extent_mm(end, widest))


def _shaft_end(shaft: Placed, axis: NDArray[np.float64]) -> Region:
    """Return the end of a shaft in the direction of an axis."""
    spacing_mm = shaft.region.spacing_mm
    place_mm = shaft.region.surface_mm @ axis
    begin_mm = float(place_mm.max()) - _END * float(np.ptp(place_mm))
    index = np.ogrid[shaft.region.box]
    steps = (i * np.float32(s * a) for i, s, a in zip(index, spacing_mm, axis, strict=True))
    beyond = sum(steps, np.float32(-begin_mm)) >= 0
    (end,) = find_regions((shaft.mask() & beyond).view(np.uint8), 2, spacing_mm)
    # Rounding to single precision may exclude the outermost plane of voxels.
    return shaft.region if end is None else end
