"""Networks that say background before they have learnt anything."""

import math
from typing import cast

import torch
from torch import nn

from amcnet.networks.amcnet import AMCNet
from amcnet.networks.any_size import AnySize


def expect_background(network: nn.Module, share: float, num_classes: int) -> None:
    """Set the last biases so that background has a probability at first, all else the same.

    Where nearly everything is background, random weights call large regions some structure, and
    Dice hardly notices: such a region keeps its structure from being found anywhere else. Rare
    classes that start rare are known from detection (Lin et al., ICCV 2017, 4.1).

    Args:
        network: As :func:`amcnet.networks.build_network` returns it.
        share: Probability of class 0, between 0 and 1; that of zero features, about that of others.
        num_classes: Classes of its output.
    """
    network = cast(AMCNet | AnySize, network)
    logit = math.log(share / (1 - share) * (num_classes - 1))
    for name in network.logit_layers:
        bias = cast(torch.Tensor, network.get_submodule(name).bias)
        with torch.no_grad():
            bias.zero_()
            bias.view(-1, num_classes)[:, 0] = logit  # of every voxel of a block
