"""Network requirements for bundles of earlier versions, which do not state them.

The table is closed: new bundles state the requirements of their network.
"""

from math import prod
from typing import Any

from amcnet.errors import ModelError
from amcnet.networks import Architecture, NetworkNeeds
from amcnet.networks.architecture import AxisSizes

# Name -> divisor, bytes per voxel and channel of the first stage, bytes per voxel and class.
_FIGURES: dict[str, tuple[AxisSizes, float, float]] = {
    "unet": ((1, 16, 16), 16, 6),
    "unetplusplus": ((1, 16, 32), 54, 4),
    "swinunet": ((1, 32, 32), 4, 14),
    "unet3d": ((8, 8, 8), 56, 0),
    "vnet": ((16, 16, 32), 28, 8),
    "mnet": ((1, 16, 16), 22, 4),
}
_POOLS = ((2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))


def needs_of_former_bundle(architecture: Architecture) -> NetworkNeeds:
    """Return the requirements of a network whose bundle does not state them.

    Args:
        architecture: Architecture of the bundle, with width and all options.

    Raises:
        ModelError: If the network is unknown.
    """
    width = architecture.width or 64
    if architecture.name == "amcnet":
        return _amcnet(width, architecture.num_classes, architecture.options)
    if architecture.name not in _FIGURES:
        raise ModelError(
            f"the model's description lacks 'needs' for the network '{architecture.name}'"
        )
    divisor, per_width, per_class = _FIGURES[architecture.name]
    features = per_width * width + per_class * architecture.num_classes
    return NetworkNeeds(divisor=divisor, least_shape=divisor, bytes_per_voxel=features)


def _amcnet(width: int, classes: int, options: dict[str, Any]) -> NetworkNeeds:
    block = options.get("block", (1, 1, 1))
    features = 36 * width / prod(block) + 8 * options.get("detail", 0)
    if prod(block) > 1:
        features += 8 * classes
    sizes = [prod(steps) for steps in zip(*options.get("pools", _POOLS), block, strict=True)]
    return NetworkNeeds.model_validate(
        {"least_shape": sizes, "space_to_depth": block, "bytes_per_voxel": features}
    )
