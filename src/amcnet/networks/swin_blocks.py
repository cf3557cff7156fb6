"""Attention within shifted windows (Liu et al., ICCV 2021), for planes of any size.

Features are (batch, lateral, depth, channel) throughout. Everything that depends on the size of the
plane is computed by tensor operations, so a traced network accepts planes of any size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_FAR = -1e4  # added to a score, it suppresses the score, also in 16 bits
_MLP_RATIO = 4
_PARTS = 4  # regions of an axis: inside or padding, wrapped around or not


class SwinStage(nn.Module):
    """A stage of blocks; every other block shifts its windows by half their side.

    Args:
        channels: Channels of the features.
        heads: Attention heads.
        window: Side of a window.
        shifts: Whether any windows are shifted.
        drop_path: Probability for each block that a residual branch is dropped for a slice in
            training.
    """

    def __init__(
        self, channels: int, heads: int, window: int, shifts: bool, drop_path: Sequence[float]
    ) -> None:
        super().__init__()
        self.window = window
        self.shift = window // 2 if shifts else 0
        self.blocks = nn.ModuleList(_Block(channels, heads, window, rate) for rate in drop_path)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        lateral, depth = features.shape[1:3]
        # Pad to whole windows; the plane does not attend to the padding.
        missing = (-lateral % self.window, -depth % self.window)
        features = functional.pad(features, (0, 0, 0, missing[1], 0, missing[0]))
        apart = [self._apart(features, (lateral, depth), shift) for shift in (0, self.shift)]
        for number, block in enumerate(self.blocks):
            shift = self.shift if number % 2 else 0
            if shift:
                features = torch.roll(features, (-shift, -shift), (1, 2))
            features = block(features, apart[number % 2])
            if shift:
                features = torch.roll(features, (shift, shift), (1, 2))
        return features[:, :lateral, :depth]

    def _apart(self, features: Tensor, plane: tuple[int, int], shift: int) -> Tensor:
        """Return the mask, (window, token, token), that separates unrelated tokens."""
        lateral, depth = (
            _parts_of_axis(size, padded, shift, features.device)
            for size, padded in zip(plane, features.shape[1:3], strict=True)
        )
        parts = lateral[:, None] * _PARTS + depth
        tokens = to_windows(parts[None, :, :, None], self.window).squeeze(2)
        return (tokens[:, :, None] != tokens[:, None, :]).to(features.dtype) * _FAR


class _Block(nn.Module):
    """Attention within windows and an MLP, both residual."""

    def __init__(self, channels: int, heads: int, window: int, drop_path: float) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(channels)
        self.attention = _WindowAttention(channels, heads, window)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, _MLP_RATIO * channels),
            nn.GELU(),
            nn.Linear(_MLP_RATIO * channels, channels),
        )
        self.drop_path = _DropPath(drop_path)

    def forward(self, features: Tensor, apart: Tensor) -> Tensor:
        windows = self.attention(to_windows(self.norm1(features), self.window), apart)
        features = features + self.drop_path(from_windows(windows, self.window, features))
        mixed: Tensor = features + self.drop_path(self.mlp(self.norm2(features)))
        return mixed


class _WindowAttention(nn.Module):
    """Attention with a learnt bias for each relative position."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        row, column = row.flatten(), column.flatten()
        down = row[:, None] - row + window - 1
        across = column[:, None] - column + window - 1
        self.register_buffer("pairs", down * (2 * window - 1) + across, persistent=False)
        self.pairs: Tensor

    def forward(self, windows: Tensor, apart: Tensor) -> Tensor:
        """Return features of the same shape.

        Args:
            windows: (batch x window, token, channel).
            apart: Mask that is added to the scores, (window, token, token).
        """
        count, tokens, channels = windows.shape
        parts = self.query_key_value(windows).view(
            count, tokens, 3, self.heads, channels // self.heads
        )
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = (query * (channels // self.heads) ** -0.5) @ key.transpose(-2, -1)
        scores = scores + self.bias[self.pairs].permute(2, 0, 1)
        by_image = scores.view(-1, apart.shape[0], self.heads, tokens, tokens)
        scores = (by_image + apart[None, :, None]).view(count, self.heads, tokens, tokens)
        mixed = torch.softmax(scores, dim=-1).to(value.dtype) @ value
        mixed = mixed.transpose(1, 2).reshape(count, tokens, channels)
        projected: Tensor = self.project(mixed)
        return projected


class _DropPath(nn.Module):
    """Drop a residual branch for some images in training (Huang et al., ECCV 2016)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return branch
        keep = 1 - self.probability
        kept = torch.rand(len(branch), 1, 1, 1, device=branch.device) < keep
        return branch * kept.to(branch.dtype) / keep


def to_windows(features: Tensor, size: int) -> Tensor:
    """Cut (batch, lateral, depth, channel) into (batch x window, token, channel)."""
    batch, lateral, depth, channels = features.shape
    parts = features.view(batch, lateral // size, size, depth // size, size, channels)
    return parts.transpose(2, 3).reshape(-1, size * size, channels)


def from_windows(windows: Tensor, size: int, like: Tensor) -> Tensor:
    """Undo :func:`to_windows`; the result has the shape of ``like``."""
    batch, lateral, depth, channels = like.shape
    parts = windows.view(batch, lateral // size, depth // size, size, size, channels)
    return parts.transpose(2, 3).reshape(batch, lateral, depth, channels)


def _parts_of_axis(size: int, padded: int, shift: int, device: torch.device) -> Tensor:
    """Number the unrelated regions of a shifted axis.

    These are the part that was wrapped around and the padding.
    """
    position = torch.arange(padded, device=device)
    wrapped = (position >= padded - shift).long()
    padding = ((position + shift) % padded >= size).long()
    return wrapped + 2 * padding
