"""A volume on the network's grid, ready to be labelled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.io import Geometry


@dataclass(frozen=True)
class Prepared:
    """A preprocessed volume, which replaces the original volume.

    Attributes:
        image: float32 (channel, scan, lateral, depth) on the network's grid.
        geometry: Grid of the volume.
        seconds: Duration of the preprocessing.
        fine_image: The image on the refiner's grid; None without refinement.
    """

    image: NDArray[np.float32]
    geometry: Geometry
    seconds: float
    fine_image: NDArray[np.float32] | None = None
