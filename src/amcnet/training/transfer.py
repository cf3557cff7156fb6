"""Starting from another model's weights, whatever its labels and channels were."""

import logging
from typing import cast

import torch
from torch import Tensor, nn

from amcnet.anatomy import LabelTable
from amcnet.bundle import Bundle
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.bundle.export import load_network_weights
from amcnet.errors import ConfigError
from amcnet.networks import Architecture

logger = logging.getLogger(__name__)


def start_from(
    network: nn.Module, architecture: Architecture, table: LabelTable, bundle: Bundle
) -> str:
    """Give a network the weights of a model and return which ones these are.

    Everything between input and output is taken over. Structures are found by their names: a
    structure that the model does not know keeps its fresh weights. Where the number of input
    channels differs, each new channel gets the mean of the model's, so scaled that the same image
    in all channels gives what it gave before.

    Args:
        network: The network; it is changed.
        architecture: What it is.
        table: Its structures.
        bundle: The model to start from.

    Raises:
        ConfigError: If the model's network differs in more than channels and classes.
    """
    ours, theirs = (a.model_dump() for a in (architecture, bundle.description.architecture))
    for key in ours:  # the name comes first: only where it is the same are the others
        is_new = key == "detail" and theirs.get(key) == 0
        if key not in ("in_channels", "num_classes") and not is_new and ours[key] != theirs[key]:
            raise ConfigError(
                f"network.{key} = {ours[key]!r}, expected {theirs[key]!r} "
                f"to start from {bundle.folder}"
            )
    weights = load_network_weights(bundle)
    own = network.state_dict()
    class_axes = cast(dict[str, int], network.class_axes)
    rows = _shared_classes(table, bundle.description.label_table)
    for name, value in own.items():
        if name not in weights:  # of the detail, where the model has none
            continue
        voxels = 1 if name.startswith("detail.") else architecture.block_voxels
        axes = next((n for start, n in class_axes.items() if name.startswith(start)), 0)
        if axes == 0 or value.ndim == 0:
            value.copy_(_fit_channels(weights[name], value.shape, voxels))
        elif axes == 1:
            known_rows = _by_voxel(weights[name], voxels)[:, rows[:, 1]]
            _by_voxel(value, voxels)[:, rows[:, 0]] = known_rows.to(value.dtype)
        else:
            value[rows[:, 0]] = 0  # what is new does not change what is known
            known = weights[name][rows[:, 1][:, None], rows[:, 1]]
            value[rows[:, 0][:, None], rows[:, 0]] = known.to(value.dtype)
    network.load_state_dict(own)
    logger.info(
        "starting from %s: it knows %d of %d structures",
        bundle.description.name,
        len(rows) - 1,  # without the background
        len(table),
    )
    return f"{bundle.description.name}, weights SHA-256 {bundle.description.sha256[WEIGHTS_FILE]}"


def _shared_classes(table: LabelTable, known: LabelTable) -> Tensor:
    """Return (own class, class of the model) for the background and every shared name."""
    by_name = {structure.name: structure.value for structure in known}
    pairs = [(s.value, by_name[s.name]) for s in table if s.name in by_name]
    return torch.tensor([(0, 0), *pairs])


def _by_voxel(rows: Tensor, voxels: int) -> Tensor:
    """Return the head's rows as (voxel of a block, class, ...)."""
    return rows.view(voxels, -1, *rows.shape[1:])


def _fit_channels(weight: Tensor, shape: torch.Size, voxels: int) -> Tensor:
    """Return a weight with another number of input channels (within its second axis)."""
    if weight.shape == shape:
        return weight
    by_channel = weight.float().view(len(weight), voxels, -1, *shape[2:])
    mean = by_channel.mean(dim=2, keepdim=True)
    scaled = mean * (weight.shape[1] / shape[1])
    return scaled.expand(-1, -1, shape[1] // voxels, *shape[2:]).flatten(1, 2)
