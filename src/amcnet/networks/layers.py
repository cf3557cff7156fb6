"""Layers that several networks share."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

_NEGATIVE_SLOPE = 0.01
_SLOW_KERNEL_VALUES = 20480  # channels x scan x lateral, see at::native::ConvParams::use_mkldnn
_FEWEST_TO_CUT = 4


class InstanceNorm(nn.InstanceNorm3d):
    """Instance norm, 2D and 3D, that also accepts a single voxel, which it maps to its bias."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the normalised features."""
        # nn.InstanceNorm3d refuses a single voxel, the size of a thin window in the deepest stage.
        return torch.instance_norm(
            features, self.weight, self.bias, None, None, True, 0.0, self.eps, False
        )


class Conv3d(nn.Conv3d):
    """A 3D convolution that avoids two faults of PyTorch 2.13 in training on a CPU.

    - In bfloat16, parts of the weights' gradient are unset where oneDNN pads two slices itself.
    - In float32, a single small volume goes to a native kernel that is several times slower than
      oneDNN: batch 1, no groups, kernels up to 3 and channels x scan x lateral <= 20480.

    Results and weights are those of :class:`torch.nn.Conv3d`, up to rounding.

    Example:
        >>> layer = Conv3d(1, 4, 3, padding=1)
        >>> tuple(layer(torch.zeros(1, 1, 5, 6, 7)).shape)
        (1, 4, 5, 6, 7)
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return what :class:`torch.nn.Conv3d` returns."""
        if self._is_slow(features):
            return self._in_halves(features)
        around = int(self.padding[0])
        if self.training and 1 < features.shape[2] <= 2 * around:
            # Explicit zeros are equivalent to padding.
            return functional.conv3d(
                functional.pad(features, (0, 0, 0, 0, around, around)),
                self.weight,
                self.bias,
                self.stride,
                padding=(0, *self.padding[1:]),
            )
        return super().forward(features)

    def _is_slow(self, features: Tensor) -> bool:
        """Return whether PyTorch would use its slow kernel."""
        return (
            self.training
            and torch.is_grad_enabled()
            and features.device.type == "cpu"
            and features.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and len(features) == 1
            and self.groups == 1
            and max(self.stride) == 1
            and 1 < max(self.kernel_size) <= 3
            and all(2 * around == size - 1 for around, size in self._paddings())
            and features.shape[1] * features.shape[2] * features.shape[3] <= _SLOW_KERNEL_VALUES
            and max(features.shape[2:]) > _FEWEST_TO_CUT
        )

    def _paddings(self) -> list[tuple[int, int]]:
        around = cast(tuple[int, ...], self.padding)
        return list(zip(around, self.kernel_size, strict=True))

    def _in_halves(self, features: Tensor) -> Tensor:
        """Convolve two overlapping halves as a batch, which oneDNN handles."""
        axis = max((2, 3, 4), key=lambda axis: features.shape[axis])
        size, around = features.shape[axis], self._paddings()[axis - 2][0]
        half = -(-size // 2)
        before_and_after = [0] * 6  # padding of the last axis comes first
        before_and_after[2 * (4 - axis)] = around
        before_and_after[2 * (4 - axis) + 1] = around + 2 * half - size
        padded = functional.pad(features, before_and_after)
        halves = torch.cat([padded.narrow(axis, start, half + 2 * around) for start in (0, half)])
        padding = [around for around, _ in self._paddings()]
        padding[axis - 2] = 0
        both = functional.conv3d(halves, self.weight, self.bias, padding=padding)
        return torch.cat((both[:1], both[1:].narrow(axis, 0, size - half)), dim=axis)


def two_convolutions(in_channels: int, out_channels: int, scan_kernel: int) -> nn.Sequential:
    """Return two convolutions, each with norm and activation, that keep the spatial size.

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
                bias=False,  # the following norm would remove a bias
            ),
            InstanceNorm(out_channels, affine=True),
            nn.LeakyReLU(_NEGATIVE_SLOPE, inplace=True),
        ]
    return nn.Sequential(*layers)
