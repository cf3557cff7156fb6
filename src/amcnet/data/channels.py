"""Stack the channels of a case into the network's input, for training and inference."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from amcnet.data.preprocessing import Preprocessing
from amcnet.errors import InputError
from amcnet.io import Volume, same_grid


def network_input(volumes: Sequence[Volume], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return the network's input, (channel, scan, lateral, depth), on its grid.

    Args:
        volumes: One for each channel, at least one.
        preprocessing: Resampling and normalisation of each volume.

    Raises:
        InputError: If they do not lie on the same grid.
    """
    first = volumes[0]
    for number, volume in enumerate(volumes):
        difference = same_grid(first.geometry, volume.geometry)
        if difference is not None:
            raise InputError(
                f"{volume.path or f'channel {number}'}: does not lie on the grid of "
                f"{first.path or 'channel 0'}: {difference}"
            )
    # One geometry for all: spacings that differ by rounding could round to different sizes.
    spacing_mm = first.spacing_mm
    if len(volumes) == 1:
        return preprocessing.apply(first.array, spacing_mm)[None]
    shape = preprocessing.network_shape(first.array.shape, spacing_mm)
    image = np.empty((len(volumes), *shape), np.float32)
    for channel, volume in enumerate(volumes):
        image[channel] = preprocessing.apply(volume.array, spacing_mm, channel)
    return image
