"""Networks that predict background before they have learnt anything."""

import math
from typing import cast

import torch

from amcnet.networks.segmentation_network import SegmentationNetwork


def expect_background(network: SegmentationNetwork, share: float, num_classes: int) -> None:
    """Set the last biases so that background has a given probability before the first step.

    Where nearly everything is background, random weights give large regions to some structure, and
    Dice hardly notices: such a region keeps its structure from being found anywhere else. Detection
    networks start with rare classes at a low probability, too (Lin et al., ICCV 2017, 4.1).

    Args:
        network: As :func:`amcnet.networks.build_network` returns it; it is changed.
        share: Probability of class 0 where the features are zero, between 0 and 1; the other
            classes share the rest equally.
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
            bias.view(-1, num_classes)[:, 0] = logit  # of every voxel of a group
