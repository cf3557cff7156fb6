"""Start from another model's weights, whatever its labels and channels."""

import logging

import torch
from torch import Tensor

from amcnet.anatomy import LabelTable
from amcnet.bundle import Bundle
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.bundle.formats.network import rebuild_network
from amcnet.errors import ConfigError
from amcnet.networks import Architecture, SegmentationNetwork
from amcnet.networks.registry import complete, find_spec

logger = logging.getLogger(__name__)


def start_from(
    network: SegmentationNetwork, architecture: Architecture, table: LabelTable, bundle: Bundle
) -> str:
    """Initialise a network with the weights of a model and return which weights these are.

    All layers between input and output are copied. Structures are matched by name. The logits of an
    unknown structure start as the mean of the known ones, so it never wins over all of them. If the
    number of input channels differs, each new channel gets the scaled mean of the model's channels,
    so that the same image in all channels gives the same result as before.

    Args:
        network: The network, which is modified.
        architecture: Its description.
        table: Its label table.
        bundle: The model to start from.

    Raises:
        ConfigError: If the model's network differs in more than channels and classes.
    """
    _check_same_network(architecture, bundle)
    known = rebuild_network(bundle).state_dict()
    own = network.state_dict()
    rows = _shared_classes(table, bundle.description.label_table)
    for name, value in own.items():
        if name not in known:  # a part that the model does not have
            continue
        axes, voxels = network.parameter_layout(name)
        if axes == 0 or value.ndim == 0:
            value.copy_(_fit_channels(known[name], value.shape, voxels))
        elif axes == 1:
            known_rows = _by_voxel(known[name], voxels).to(value.dtype)
            own_rows = _by_voxel(value, voxels)
            own_rows[:, 1:] = known_rows[:, 1:].mean(dim=1, keepdim=True)
            own_rows[:, rows[:, 0]] = known_rows[:, rows[:, 1]]
        else:
            value[rows[:, 0]] = 0  # new parts do not change the result of the copied ones
            both = known[name][rows[:, 1][:, None], rows[:, 1]]
            value[rows[:, 0][:, None], rows[:, 0]] = both.to(value.dtype)
    network.load_state_dict(own)
    logger.info(
        "starting from %s: it knows %d of %d structures",
        bundle.description.name,
        len(rows) - 1,  # without the background
        len(table),
    )
    return f"{bundle.description.name}, weights SHA-256 {bundle.description.sha256[WEIGHTS_FILE]}"


def _check_same_network(architecture: Architecture, bundle: Bundle) -> None:
    ours, theirs = (
        complete(one).model_dump() for one in (architecture, bundle.description.architecture)
    )
    new_parts = find_spec(architecture.name).new_parts
    for key in ours:  # the name comes first: other keys are only comparable for equal names
        is_new = key in new_parts and not theirs.get(key)
        if key not in ("in_channels", "num_classes") and not is_new and ours[key] != theirs[key]:
            raise ConfigError(
                f"network.{key} = {ours[key]!r}, expected {theirs[key]!r} "
                f"to start from {bundle.folder}"
            )


def _shared_classes(table: LabelTable, known: LabelTable) -> Tensor:
    """Return pairs (own class, class of the model) for the background and every shared name."""
    by_name = {structure.name: structure.value for structure in known}
    pairs = [(s.value, by_name[s.name]) for s in table if s.name in by_name]
    return torch.tensor([(0, 0), *pairs])


def _by_voxel(rows: Tensor, voxels: int) -> Tensor:
    """Return the rows of the head as (voxel of a group, class, ...)."""
    return rows.view(voxels, -1, *rows.shape[1:])


def _fit_channels(weight: Tensor, shape: torch.Size, voxels: int) -> Tensor:
    """Return a weight with another number of input channels (its second axis)."""
    if weight.shape == shape:
        return weight
    by_channel = weight.float().view(len(weight), voxels, -1, *shape[2:])
    mean = by_channel.mean(dim=2, keepdim=True)
    scaled = mean * (weight.shape[1] / shape[1])
    return scaled.expand(-1, -1, shape[1] // voxels, *shape[2:]).flatten(1, 2)
