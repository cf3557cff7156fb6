"""Layers that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class InstanceNorm(nn.InstanceNorm3d):
    """Instance norm, 2D and 3D, that also takes a single voxel (which it maps to its bias)."""

    def forward(self, features: Tensor) -> Tensor:
        # nn.InstanceNorm3d refuses one voxel; the deepest stage of a thin window has just that.
        return torch.instance_norm(
            features, self.weight, self.bias, None, None, True, 0.0, self.eps, False
        )


class Conv3d(nn.Conv3d):
    """A 3D convolution whose gradient is right for two slices in bfloat16 on a CPU, too."""

    def forward(self, features: Tensor) -> Tensor:
        if self.training and features.shape[2] == 2 and self.padding[0]:
            # PyTorch 2.13 (oneDNN) leaves parts of the weights' gradient unset where it is to pad
            # two slices itself; zeros that are there already come to the same.
            around = int(self.padding[0])
            return functional.conv3d(
                functional.pad(features, (0, 0, 0, 0, around, around)),
                self.weight,
                self.bias,
                self.stride,
                padding=(0, *self.padding[1:]),
            )
        return super().forward(features)
