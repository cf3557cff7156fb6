"""MNet (Dong et al., IJCAI 2022): a mesh of 2D and 3D convolutions.

A cell of the mesh is identified by (row, level): the row counts the 3D steps that led to it, which
also pool the scan axis, and the level counts all steps, which pool the plane. From each cell, a 2D
stream continues within the row and a 3D stream leads to the next row. Where two streams meet, the
magnitude of their difference is used.
"""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.any_size import Core
from amcnet.networks.layers import two_convolutions
from amcnet.networks.registry import NetworkSpec, register_network

_LEVELS = 5
_LEAST_SLICES = 8  # fewer slices are not pooled
# Cells with an output in training, and the weight of its loss.
_OUTPUTS = {
    (0, 0): 1.0,
    (1, 1): 0.5,
    (0, 1): 0.5,
    (2, 2): 0.25,
    (0, 2): 0.25,
    (3, 3): 0.125,
    (0, 3): 0.125,
}

Streams = tuple[Tensor | None, Tensor | None]  # 2D and 3D
MeshCell = tuple[int, int]


@register_network(
    NetworkSpec(
        name="mnet",
        title="MNet",
        source="Dong et al., IJCAI 2022",
        code="written for this package from the paper, Apache-2.0",
        sees="2d+3d",
        width=32,
        bytes_per_width=22,
        bytes_per_class=4,
        divisor=(1, 16, 16),
        width_step=2,  # the second stage has 1.5 times as many
    )
)
class MNet(Core):
    """The network.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output.
        width: Channels of the first level, even. The authors use 32; each level adds half as many.
    """

    class_axes: ClassVar[dict[str, int]] = {"heads.": 1}
    logit_layers: ClassVar[tuple[str, ...]] = tuple(f"heads.{n}" for n in range(len(_OUTPUTS)))
    output_weights: ClassVar[tuple[float, ...]] = tuple(
        share / sum(_OUTPUTS.values()) for share in _OUTPUTS.values()
    )

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        super().__init__()
        channels = [width + width // 2 * level for level in range(_LEVELS)]
        last = _LEVELS - 1
        self.down = nn.ModuleDict()
        self.up = nn.ModuleDict()
        for level in range(_LEVELS):
            before = channels[level - 1] if level else in_channels
            for row in range(level + 1):
                # The outermost cells of the last level have only one outgoing stream.
                streams = (row < last, level < last or row > 0)
                self.down[_key(row, level)] = _Streams(before, channels[level], *streams)
        for level in range(last):
            for row in range(level + 1):
                end = level == 0
                streams = (end or row < level, end or row > 0)
                self.up[_key(row, level)] = _Streams(
                    channels[level] + channels[level + 1], channels[level], *streams
                )
        self.heads = nn.ModuleList(
            nn.Conv3d(channels[level], num_classes, 1) for _, level in _OUTPUTS
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return logits; the plane must have at least 16 x 16 pixels."""
        logits: Tensor = self.heads[0](_whole(self._features(image)[0, 0]))
        return logits

    def outputs(self, image: Tensor) -> list[Tensor]:
        """Return the logits of the seven output cells on their grids, the finest first."""
        features = self._features(image)
        return [
            head(_whole(features[cell])) for cell, head in zip(_OUTPUTS, self.heads, strict=True)
        ]

    def _features(self, image: Tensor) -> dict[MeshCell, Streams]:
        """Return the features of the decoder's cells."""
        down: dict[MeshCell, Streams] = {(0, 0): self.down[_key(0, 0)](image)}
        for level in range(1, _LEVELS):
            for row in range(level + 1):
                parts = []
                if row < level:
                    parts.append(_pool_plane(cast(Tensor, down[row, level - 1][0])))
                if row > 0:
                    flat = _pool_plane(cast(Tensor, down[row - 1, level - 1][1]))
                    parts.append(_pool_scan(flat))
                down[row, level] = self.down[_key(row, level)](_merge(parts))
        below = {cell: streams for cell, streams in down.items() if cell[1] == _LEVELS - 1}
        up: dict[MeshCell, Streams] = {}
        for level in reversed(range(_LEVELS - 1)):
            for row in range(level + 1):
                skip = _merge(down.pop((row, level)))
                streams = (below[row, level + 1][0], below[row + 1, level + 1][1])
                enlarged = _merge([_enlarge(cast(Tensor, part), skip) for part in streams])
                up[row, level] = self.up[_key(row, level)](torch.cat((skip, enlarged), dim=1))
            below = up
        return up


class _Streams(nn.Module):
    """The convolutions of a cell: a 2D stream, a 3D stream or both."""

    def __init__(self, before: int, channels: int, flat: bool, solid: bool) -> None:
        super().__init__()
        self.flat = two_convolutions(before, channels, 1) if flat else None
        self.solid = two_convolutions(before, channels, 3) if solid else None

    def forward(self, features: Tensor) -> Streams:
        return (
            None if self.flat is None else self.flat(features),
            None if self.solid is None else self.solid(features),
        )


def _key(row: int, level: int) -> str:
    return f"{row}-{level}"


def _merge(streams: Sequence[Tensor | None]) -> Tensor:
    """Return the only stream, or the magnitude of the difference of two."""
    first, *others = (stream for stream in streams if stream is not None)
    return (first - others[0]).abs() if others else first


def _whole(streams: Streams) -> Tensor:
    """Return the input of an output layer: the only stream, or the sum of both."""
    first, *others = (stream for stream in streams if stream is not None)
    return first + others[0] if others else first


def _pool_plane(features: Tensor) -> Tensor:
    return functional.max_pool3d(features, (1, 2, 2))


def _pool_scan(features: Tensor) -> Tensor:
    """Halve the number of slices if there are enough, with operations that can be traced."""
    slices = features.shape[2]
    step = 1 + (slices >= _LEAST_SLICES)  # no branch: a traced network must accept any size
    first = torch.arange(slices // step, device=features.device) * step
    return torch.maximum(
        features.index_select(2, first), features.index_select(2, first + (step - 1))
    )


def _enlarge(features: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(
        features, size=like.shape[2:], mode="trilinear", align_corners=False
    )
