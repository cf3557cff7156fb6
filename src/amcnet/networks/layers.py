"""Layers that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional


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
