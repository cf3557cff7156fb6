"""Layers that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_NEGATIVE_SLOPE = 0.01


class InstanceNorm(nn.InstanceNorm3d):
    """Instance norm, 2D and 3D, that also takes a single voxel (which it maps to its bias)."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the normalised features."""
        # nn.InstanceNorm3d refuses one voxel; the deepest stage of a thin window has just that.
        return torch.instance_norm(
            features, self.weight, self.bias, None, None, True, 0.0, self.eps, False
        )


class Conv3d(nn.Conv3d):
    """A 3D convolution whose gradient is right for few slices in bfloat16 on a CPU, too."""

    def forward(self, features: Tensor) -> Tensor:
        """Return what :class:`torch.nn.Conv3d` returns."""
        around = int(self.padding[0])
        if self.training and 1 < features.shape[2] <= 2 * around:
            # PyTorch 2.13 (oneDNN) leaves parts of the weights' gradient unset where it is to pad
            # so few slices itself; zeros that are there already come to the same.
            return functional.conv3d(
                functional.pad(features, (0, 0, 0, 0, around, around)),
                self.weight,
                self.bias,
                self.stride,
                padding=(0, *self.padding[1:]),
            )
        return super().forward(features)


def two_convolutions(in_channels: int, out_channels: int, scan_kernel: int) -> nn.Sequential:
    """Return two convolutions, each with its norm and its activation; the spatial size stays.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        scan_kernel: Size of the kernel along the scan: 1 stays within slices, 3 is 3D. Within the
            slices it is 3 x 3.
    """
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers += [
            Conv3d(
                channels,
                out_channels,
                (scan_kernel, 3, 3),
                padding=(scan_kernel // 2, 1, 1),
                bias=False,  # the norm that follows would remove it
            ),
            InstanceNorm(out_channels, affine=True),
            nn.LeakyReLU(_NEGATIVE_SLOPE, inplace=True),
        ]
    return nn.Sequential(*layers)
