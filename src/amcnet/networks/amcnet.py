"""AMCNet (Zeng et al., MICCAI 2023, Fig. 1): an encoder and decoder of four ACM stages each."""

from math import prod
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.acm import ACM
from amcnet.networks.architecture import PAPER_POOLS, Branches, Triple
from amcnet.networks.refinement_head import Detail
from amcnet.networks.space_to_depth import from_channels, pad_to_blocks, to_channels


class AMCNet(nn.Module):
    """Segment a window of transverse slices.

    Channels are ``width`` times 1, 2, 4, 8 on the way down and back; ``width`` 64 with 39 classes
    is the paper's network (about 60.8 M parameters). Any input size works: odd sizes are pooled
    upwards, and each up-sampling goes to the size of its skip connection.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output, background included.
        width: Channels of the first stage.
        kernel_size: K of the 1D convolution in each ACM.
        branches: ``2d+3d``, or ``2d`` or ``3d`` alone for the ablation.
        pools: How much each stage shrinks what it hands down.
        block: Voxels that are worked on together, see :mod:`amcnet.networks.space_to_depth`.
        detail: Channels of :class:`amcnet.networks.refinement_head.Detail`; 0 for none.
    """

    # see amcnet.networks.any_size.Core
    class_axes: ClassVar[dict[str, int]] = {"head.": 1, "detail.head.": 1}
    logit_layers: ClassVar[tuple[str, ...]] = ("head",)

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 39,
        width: int = 64,
        kernel_size: int = 3,
        branches: Branches = "2d+3d",
        pools: tuple[Triple, ...] = PAPER_POOLS,
        block: Triple = (1, 1, 1),
        detail: int = 0,
    ) -> None:
        super().__init__()
        self.block = block
        self.num_classes = num_classes
        channels = [width * 2**stage for stage in range(len(pools))]
        self.encoder = nn.ModuleList()
        previous = in_channels * prod(block)
        for size in channels:
            self.encoder.append(ACM(previous, size, kernel_size, branches))
            previous = size
        self.pools = nn.ModuleList(nn.MaxPool3d(pool, ceil_mode=True) for pool in pools)
        self.decoder = nn.ModuleList()
        for size in reversed(channels):
            self.decoder.append(ACM(previous + size, size, kernel_size, branches))
            previous = size
        self.head = nn.Conv3d(previous, num_classes * prod(block), 1)
        self.detail = Detail(in_channels, previous, detail, num_classes, block) if detail else None

    def forward(self, image: Tensor) -> Tensor:
        """Return logits.

        Args:
            image: Float (batch, channel, scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth) of the same spatial size.
        """
        features = self.decoded(image)[-1]
        logits = from_channels(self.head(features), self.block)
        if self.detail is not None:
            logits = logits + self.detail(pad_to_blocks(image, self.block), features)
        scan, lateral, depth = image.shape[2:]
        return logits[:, :, :scan, :lateral, :depth]

    def decoded(self, image: Tensor) -> list[Tensor]:
        """Return the features of every decoder stage, from the coarsest grid to that of blocks.

        Args:
            image: As in :meth:`forward`.
        """
        features = to_channels(pad_to_blocks(image, self.block), self.block)
        skips = []
        for stage, pool in zip(self.encoder, self.pools, strict=True):
            features = stage(features)
            skips.append(features)
            features = pool(features)
        stages = []
        for stage in self.decoder:
            skip = skips.pop()
            features = functional.interpolate(
                features, size=skip.shape[2:], mode="trilinear", align_corners=False
            )
            features = stage(torch.cat((features, skip), dim=1))
            stages.append(features)
        return stages

    def in_box(self, image: Tensor, features: Tensor, blocks: tuple[slice, slice, slice]) -> Tensor:
        """Return the logits of the voxels of some blocks, detail included.

        Args:
            image: As in :meth:`forward`.
            features: Those of the last stage, see :meth:`decoded`.
            blocks: Which blocks, along (scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth). Those that are nearer to a side of the box
            than the detail reaches differ from what :meth:`forward` says, unless the image ends
            there too.
        """
        inside = (slice(None), slice(None), *blocks)
        logits = from_channels(self.head(features[inside]), self.block)
        if self.detail is None:
            return logits
        voxels = tuple(
            slice(part.start * step, part.stop * step)
            for part, step in zip(blocks, self.block, strict=True)
        )
        padded = pad_to_blocks(image, self.block)[(slice(None), slice(None), *voxels)]
        return logits + cast(Tensor, self.detail(padded, features[inside]))

    def one_of_each_block(self, features: Tensor, place: Triple) -> Tensor:
        """Return the logits of one voxel of each block, without the detail.

        Args:
            features: Those of the last stage, see :meth:`decoded`.
            place: The voxel's place in the block.

        Returns:
            Logits (batch, class, scan, lateral, depth) on the grid of the blocks.
        """
        # The last layer has the classes of the first voxel first, then those of the second.
        first = int(np.ravel_multi_index(place, self.block)) * self.num_classes
        part = slice(first, first + self.num_classes)
        bias = cast(Tensor, self.head.bias)
        return functional.conv3d(features, self.head.weight[part], bias[part])
