"""AMCNet (Zeng et al., MICCAI 2023, Fig. 1): an encoder and decoder of four ACM stages each."""

from math import prod
from typing import Annotated, Any, cast

import numpy as np
import torch
from pydantic import AfterValidator, AliasChoices, Field
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.acm import ACM, Branches
from amcnet.networks.architecture import Architecture, AxisSizes, NetworkNeeds
from amcnet.networks.refinement_box import choose_box
from amcnet.networks.refinement_head import RefinementHead
from amcnet.networks.registry import NetworkOptions, NetworkSpec, feature_bytes, register_network
from amcnet.networks.segmentation_network import ParameterLayout, SegmentationNetwork
from amcnet.networks.space_to_depth import depth_to_space, pad_to_divisor, space_to_depth
from amcnet.networks.stage_supervision import StageHeads
from amcnet.networks.voxel_subsets import voxel_of_turn

PAPER_POOL_SIZES: tuple[AxisSizes, ...] = ((2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
_FLOAT_BYTES = 4
_REFINEMENT_COPIES = 2  # copies of the voxels' features
_LOGIT_COPIES = 2  # depth-to-space makes one copy, cropping another


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("expected an odd number")
    return value


class AMCNetOptions(NetworkOptions):
    """Options of AMCNet; former names of three options are still read.

    Attributes:
        kernel_size: The K of the 1D convolution across channels (Eq. 2 of Zeng et al. 2023).
        branches: ``2d+3d``, or one branch of each ACM alone.
        pool_sizes: Pool sizes of the stages, (scan, lateral, depth), one per stage. The default is
            the paper's.
        space_to_depth: Space-to-depth factor, (scan, lateral, depth). The paper has none, ``(1, 1,
            1)``.
        refinement_channels: Channels of the refinement head; 0 for none.
    """

    kernel_size: Annotated[int, Field(ge=1), AfterValidator(_odd)] = 3
    branches: Branches = "2d+3d"
    pool_sizes: tuple[AxisSizes, ...] = Field(
        PAPER_POOL_SIZES,
        min_length=1,
        max_length=6,
        validation_alias=AliasChoices("pool_sizes", "pools"),
    )
    space_to_depth: AxisSizes = Field(
        (1, 1, 1), validation_alias=AliasChoices("space_to_depth", "block")
    )
    refinement_channels: int = Field(
        0, ge=0, validation_alias=AliasChoices("refinement_channels", "detail")
    )


def _needs(architecture: Architecture) -> NetworkNeeds:
    options = AMCNetOptions.model_validate(architecture.options)
    group = prod(options.space_to_depth)
    features = feature_bytes(SPEC, architecture) / group
    features += _REFINEMENT_COPIES * _FLOAT_BYTES * options.refinement_channels
    if group > 1:
        features += _LOGIT_COPIES * _FLOAT_BYTES * architecture.num_classes
    sizes = [prod(steps) for steps in zip(*options.pool_sizes, options.space_to_depth, strict=True)]
    return NetworkNeeds(
        least_shape=(sizes[0], sizes[1], sizes[2]),
        space_to_depth=options.space_to_depth,
        bytes_per_voxel=features,
    )


SPEC = NetworkSpec(
    name="amcnet",
    title="AMCNet",
    source="Zeng et al., MICCAI 2023",
    code="written for this package from the paper, Apache-2.0",
    sees="2d+3d",
    width=64,
    bytes_per_width=36,
    bytes_per_class=0,
    options=AMCNetOptions,
    new_parts=("refinement_channels",),
    supervises_stages=True,
    needs=_needs,
)


@register_network(SPEC)
class AMCNet(SegmentationNetwork):
    """Segment a window of transverse slices.

    Channels are ``width`` times 1, 2, 4, 8 on the way down and back; ``width`` 64 with 39 classes
    is the paper's network (about 60.8 M parameters). Any input size works: pooling rounds odd sizes
    up, and up-sampling restores the size of the skip connection.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output, background included.
        width: Channels of the first stage.
        kernel_size: K of the 1D convolution in each ACM.
        branches: ``2d+3d``, or ``2d`` or ``3d`` alone for the ablation.
        pool_sizes: Pool sizes of the stages, (scan, lateral, depth).
        space_to_depth: Space-to-depth factor, (scan, lateral, depth), see
            :mod:`amcnet.networks.space_to_depth`.
        refinement_channels: Channels of the
            :class:`amcnet.networks.refinement_head.RefinementHead`; 0 for none.

    Example:
        >>> network = AMCNet(num_classes=3, width=2, space_to_depth=(2, 3, 2))
        >>> tuple(network(torch.zeros(1, 1, 9, 20, 15)).shape)
        (1, 3, 9, 20, 15)
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 39,
        width: int = 64,
        kernel_size: int = 3,
        branches: Branches = "2d+3d",
        pool_sizes: tuple[AxisSizes, ...] = PAPER_POOL_SIZES,
        space_to_depth: AxisSizes = (1, 1, 1),
        refinement_channels: int = 0,
    ) -> None:
        super().__init__()
        factor = (space_to_depth[0], space_to_depth[1], space_to_depth[2])
        self.factor: AxisSizes = factor
        self.num_classes = num_classes
        self.channels = [width * 2**stage for stage in range(len(pool_sizes))]
        self.encoder = nn.ModuleList()
        previous = in_channels * prod(factor)
        for size in self.channels:
            self.encoder.append(ACM(previous, size, kernel_size, branches))
            previous = size
        self.pools = nn.ModuleList(nn.MaxPool3d(tuple(size), ceil_mode=True) for size in pool_sizes)
        self.decoder = nn.ModuleList()
        for size in reversed(self.channels):
            self.decoder.append(ACM(previous + size, size, kernel_size, branches))
            previous = size
        self.head = nn.Conv3d(previous, num_classes * prod(factor), 1)
        self.refinement = (
            RefinementHead(in_channels, previous, refinement_channels, num_classes, factor)
            if refinement_channels
            else None
        )
        self.register_load_state_dict_pre_hook(_from_former_names)  # type: ignore[no-untyped-call]

    def forward(self, image: Tensor) -> Tensor:
        """Return logits.

        Args:
            image: Float (batch, channel, scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth) of the same spatial size.
        """
        features = self.decoded(image)[-1]
        logits = depth_to_space(self.head(features), self.factor)
        if self.refinement is not None:
            logits = logits + self.refinement(pad_to_divisor(image, self.factor), features)
        scan, lateral, depth = image.shape[2:]
        return logits[:, :, :scan, :lateral, :depth]

    def decoded(self, image: Tensor) -> list[Tensor]:
        """Return the features of every decoder stage, the coarsest first.

        Args:
            image: As in :meth:`forward`.
        """
        features = space_to_depth(pad_to_divisor(image, self.factor), self.factor)
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

    def in_box(self, image: Tensor, features: Tensor, groups: tuple[slice, slice, slice]) -> Tensor:
        """Return the logits of the voxels of a box, refinement included.

        Args:
            image: As in :meth:`forward`.
            features: Those of the last stage, see :meth:`decoded`.
            groups: The box, in groups of voxels along (scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth). Within the reach of the refinement head
            from a side of the box, they differ from the result of :meth:`forward`, unless the image
            ends there too.
        """
        inside = (slice(None), slice(None), *groups)
        logits = depth_to_space(self.head(features[inside]), self.factor)
        if self.refinement is None:
            return logits
        voxels = tuple(
            slice(part.start * step, part.stop * step)
            for part, step in zip(groups, self.factor, strict=True)
        )
        padded = pad_to_divisor(image, self.factor)[(slice(None), slice(None), *voxels)]
        return logits + cast(Tensor, self.refinement(padded, features[inside]))

    def one_voxel_of_each_group(self, features: Tensor, place: AxisSizes) -> Tensor:
        """Return the logits of one voxel of each group, without refinement.

        Args:
            features: Those of the last stage, see :meth:`decoded`.
            place: The voxel's position in its group, (scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth) on the grid of the groups.
        """
        # The last layer lists all classes of the first voxel, then all classes of the second.
        first = int(np.ravel_multi_index(place, self.factor)) * self.num_classes
        part = slice(first, first + self.num_classes)
        bias = cast(Tensor, self.head.bias)
        return functional.conv3d(features, self.head.weight[part], bias[part])

    def parameter_layout(self, name: str) -> ParameterLayout:
        """See :class:`amcnet.networks.segmentation_network.SegmentationNetwork`."""
        if name.startswith("refinement."):
            return ParameterLayout(class_axes=1 if name.startswith("refinement.head.") else 0)
        return ParameterLayout(1 if name.startswith("head.") else 0, prod(self.factor))

    def supervision(self, loss: nn.Module, stages: bool) -> nn.Module:
        """See :class:`amcnet.networks.segmentation_network.SegmentationNetwork`."""
        channels = list(reversed(self.channels[1:]))
        return AMCNetSupervision(
            loss, StageHeads(channels, self.num_classes, loss) if stages else None
        )


class AMCNetSupervision(nn.Module):
    """Sum of the losses of one voxel per group, of a refined box, and of the coarser stages.

    Args:
        loss: Takes logits and labels.
        stages: Heads of the coarser stages; None without deep supervision.
    """

    def __init__(self, loss: nn.Module, stages: StageHeads | None) -> None:
        super().__init__()
        self.loss = loss
        self.stages = stages

    def forward(self, network: AMCNet, image: Tensor, labels: Tensor, step: int) -> Tensor:
        """Return the loss, see :class:`amcnet.networks.segmentation_network.Supervision`."""
        *coarse, last = network.decoded(image)
        place, subset = voxel_of_turn(labels, network.factor, step)
        total: Tensor = self.loss(network.one_voxel_of_each_group(last, place), subset)
        if network.refinement is not None:
            box = choose_box(labels, network.factor, RefinementHead.reach, step)
            total = total + self.loss(network.in_box(image, last, box.groups), box.labels)
        return total if self.stages is None else total + self.stages(coarse, subset)


def _from_former_names(
    network: nn.Module, state: dict[str, Any], prefix: str, *arguments: object
) -> None:
    """Read weights that were saved when the refinement head was called ``detail``."""
    former = f"{prefix}detail."
    for name in [name for name in state if name.startswith(former)]:
        inner = name.removeprefix(former).replace("of_blocks.", "of_groups.")
        state[f"{prefix}refinement.{inner}"] = state.pop(name)
