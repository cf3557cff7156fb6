"""The adaptive 2D/3D convolutional module (ACM) of Zeng et al., MICCAI 2023, Eq. 1-4."""

from typing import Literal, cast

import torch
from torch import Tensor, nn

from amcnet.errors import ConfigError
from amcnet.networks.layers import two_convolutions

Branches = Literal["2d", "3d", "2d+3d"]


class ACM(nn.Module):
    """Mix a 2D and a 3D convolutional branch, channel by channel.

    Input and output are (batch, channel, scan, lateral, depth); the 2D branch convolves within
    transverse slices (kernel 1 x 3 x 3), the 3D branch with 3 x 3 x 3.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd K of the 1D convolution across channels.
        branches: ``2d+3d``, or one branch alone for the ablation.

    Raises:
        ConfigError: If the kernel size is even or the branches are unknown.

    Example:
        >>> tuple(ACM(1, 4)(torch.zeros(1, 1, 3, 8, 8)).shape)
        (1, 4, 3, 8, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        branches: Branches = "2d+3d",
    ) -> None:
        super().__init__()
        if branches not in ("2d", "3d", "2d+3d"):
            raise ConfigError(f"branches: found '{branches}', expected one of 2d, 3d, 2d+3d")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size: found {kernel_size}, expected an odd number")
        self.branch_2d = (
            two_convolutions(in_channels, out_channels, 1) if "2d" in branches else None
        )
        self.branch_3d = (
            two_convolutions(in_channels, out_channels, 3) if "3d" in branches else None
        )
        self.attention = (
            _BranchAttention(out_channels, kernel_size) if branches == "2d+3d" else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the mixed features, of the same spatial size."""
        if self.attention is None:
            only = self.branch_2d or self.branch_3d
            return cast(Tensor, cast(nn.Module, only)(features))
        flat = cast(nn.Module, self.branch_2d)(features)
        solid = cast(nn.Module, self.branch_3d)(features)
        alpha = self.attention(flat, solid)
        # alpha * flat + (1 - alpha) * solid
        return torch.lerp(solid, flat, alpha)


class _BranchAttention(nn.Module):
    """The weight alpha of the 2D branch; beta is 1 - alpha (Eq. 1-3)."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.across_channels = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.a = nn.Linear(channels, channels, bias=False)
        self.b = nn.Linear(channels, channels, bias=False)

    def forward(self, flat: Tensor, solid: Tensor) -> Tensor:
        """Return alpha, (batch, channel, 1, 1, 1)."""
        pooled = flat.mean(dim=(2, 3, 4)) + solid.mean(dim=(2, 3, 4))
        mixed = self.across_channels(pooled.unsqueeze(1)).squeeze(1)
        # A softmax over two is the sigmoid of their difference, which cannot overflow.
        alpha = torch.sigmoid(self.a(mixed) - self.b(mixed))
        return alpha[:, :, None, None, None].to(flat.dtype)
