"""Initialise a network to predict background."""

import math
from typing import cast

import torch

from amcnet.networks.segmentation_network import SegmentationNetwork


def expect_background(network: SegmentationNetwork, share: float, num_classes: int) -> None:
    """Set the output biases such that background has a given initial probability.

    With random weights, large regions of background are assigned to some structure. Dice hardly
    penalises this, and the structure is then not found anywhere else. Detection networks also start
    rare classes at a low probability (Lin et al., ICCV 2017, 4.1).

    Args:
        network: A network from :func:`amcnet.networks.build_network`; it is modified.
        share: Probability of class 0 for zero features, between 0 and 1; the other classes share
            the rest equally.
        num_classes: Classes of the output.

    Example:
        >>> from amcnet.networks import Architecture, build_network
        >>> network = build_network(Architecture(num_classes=3, width=2))
        >>> expect_background(network, 0.9, 3)
        >>> [round(p, 3) for p in network.head.bias.softmax(0).tolist()]
        [0.9, 0.05, 0.05]
    """
    logit = math.log(share / (1 - share) * (num_classes - 1))
    for name in network.logit_layers:
        bias = cast(torch.Tensor, network.get_submodule(name).bias)
        with torch.no_grad():
            bias.zero_()
            bias.view(-1, num_classes)[:, 0] = logit  # biases of every voxel of a group
