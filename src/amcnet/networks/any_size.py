"""Support for volumes of any size in networks that restrict their input size or are 2D."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.anatomy import IGNORE
from amcnet.networks.architecture import AxisSizes
from amcnet.networks.segmentation_network import (
    OutputSupervision,
    ParameterLayout,
    SegmentationNetwork,
)
from amcnet.networks.space_to_depth import pad_to_divisor
from amcnet.networks.stage_supervision import nearest_labels


class Core(nn.Module):
    """A network that restricts its input size; :class:`AnySize` makes it accept any size.

    It maps (batch, channel, [scan,] lateral, depth), with sizes that are multiples of its divisor,
    to logits of the same size.

    Attributes:
        class_axes: Prefix of a parameter's name -> number of leading axes that run over the
            classes; the first matching prefix applies.
        logit_layers: Names of the layers that produce logits; each has a bias.
        output_weights: Weight of each output in the training loss, the finest output first.
    """

    class_axes: ClassVar[dict[str, int]] = {"head.": 1}
    logit_layers: ClassVar[tuple[str, ...]] = ("head",)
    output_weights: ClassVar[tuple[float, ...]] = (1.0,)

    def outputs(self, image: Tensor) -> list[Tensor]:
        """Return the logits used by the training loss; later ones may have coarser grids."""
        return [self(image)]


class AnySize(SegmentationNetwork):
    """Wraps a network to accept volumes of any size, by repeating the far border.

    Args:
        core: The wrapped network.
        divisor: Divisor of the core's input size, (scan, lateral, depth).
        by_slice: Whether the core is a 2D network, which receives the transverse slices as a batch.
    """

    def __init__(self, core: Core, divisor: AxisSizes, by_slice: bool) -> None:
        super().__init__()
        self.core = core
        self.divisor = divisor
        self.by_slice = by_slice

    @property
    def logit_layers(self) -> tuple[str, ...]:
        """See :class:`Core`, with the names of the parameters in this module."""
        return tuple(f"core.{name}" for name in self.core.logit_layers)

    def parameter_layout(self, name: str) -> ParameterLayout:
        """See :class:`amcnet.networks.segmentation_network.SegmentationNetwork`."""
        inner = name.removeprefix("core.")
        axes = (n for start, n in self.core.class_axes.items() if inner.startswith(start))
        return ParameterLayout(next(axes, 0))

    def supervision(self, loss: nn.Module, stages: bool) -> nn.Module:
        """Return the weighted sum of the losses of all outputs."""
        if len(self.core.output_weights) == 1:
            return OutputSupervision(loss)
        return AllOutputsSupervision(loss)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits.

        Args:
            image: Float (batch, channel, scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth) of the same spatial size.
        """
        slices = image.shape[2]
        padded = pad_to_divisor(image, self.divisor)
        logits = self._from_core(self.core(self._to_core(padded)), padded)
        return logits[:, :, :slices, : image.shape[3], : image.shape[4]]

    def outputs(self, image: Tensor) -> list[Tensor]:
        """Return the logits used by the training loss, each (batch, class, scan, lateral, depth).

        The first has the size of the image, rounded up to the divisor; later ones may be coarser.
        """
        padded = pad_to_divisor(image, self.divisor)
        outputs = self.core.outputs(self._to_core(padded))
        return [self._from_core(logits, padded) for logits in outputs]

    def _to_core(self, volume: Tensor) -> Tensor:
        return volume.transpose(1, 2).flatten(0, 1) if self.by_slice else volume

    def _from_core(self, logits: Tensor, volume: Tensor) -> Tensor:
        if not self.by_slice:
            return logits
        by_slice = logits.view(volume.shape[0], volume.shape[2], *logits.shape[1:])
        return by_slice.transpose(1, 2)


class AllOutputsSupervision(nn.Module):
    """Deep supervision of a network with outputs on several levels (Lee et al., AISTATS 2015)."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, network: AnySize, image: Tensor, labels: Tensor, step: int) -> Tensor:
        """Return the weighted sum of the losses of all outputs, each against labels of its size.

        Padding is ignored. For the arguments see
        :class:`amcnet.networks.segmentation_network.Supervision`.
        """
        outputs = network.outputs(image)
        sizes = zip(outputs[0].shape[2:], labels.shape[1:], strict=True)
        scan, lateral, depth = (padded - size for padded, size in sizes)
        labels = functional.pad(labels, (0, depth, 0, lateral, 0, scan), value=IGNORE)
        losses = [
            weight * self.loss(logits, nearest_labels(labels, logits.shape[2:]))
            for weight, logits in zip(network.core.output_weights, outputs, strict=True)
        ]
        return torch.stack(losses).sum()
