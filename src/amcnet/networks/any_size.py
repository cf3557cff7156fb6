"""Networks of several kinds behind one face: any size in, one volume of logits out."""

from typing import ClassVar

from torch import Tensor, nn

from amcnet.networks.architecture import Triple
from amcnet.networks.space_to_depth import pad_to_blocks


class Core(nn.Module):
    """A network without the care for sizes that :class:`AnySize` takes.

    It maps (batch, channel, [scan,] lateral, depth) of sizes that it can halve often enough to
    logits of the same size.

    Attributes:
        class_axes: Start of a parameter's name -> how many of its leading axes run over the
            classes; the first that fits counts.
        logit_layers: Names of the layers that give logits; they have a bias.
        shares: What each of its outputs counts in training, the first being the finest. Authors
            who supervise deeper stages too have several.
    """

    class_axes: ClassVar[dict[str, int]] = {"head.": 1}
    logit_layers: ClassVar[tuple[str, ...]] = ("head",)
    shares: ClassVar[tuple[float, ...]] = (1.0,)

    def outputs(self, image: Tensor) -> list[Tensor]:
        """Return the logits that are trained on; later ones may be on coarser grids."""
        return [self(image)]


class AnySize(nn.Module):
    """Takes volumes of any size, repeating their far border where that is needed.

    Args:
        core: The network.
        multiple: What it takes multiples of, (scan, lateral, depth).
        by_slice: Whether it is a 2D network, which gets the transverse slices as a batch.
    """

    def __init__(self, core: Core, multiple: Triple, by_slice: bool) -> None:
        super().__init__()
        self.core = core
        self.multiple = multiple
        self.by_slice = by_slice

    @property
    def class_axes(self) -> dict[str, int]:
        """See :class:`Core`; the names are those of this module."""
        return {f"core.{name}": axes for name, axes in self.core.class_axes.items()}

    @property
    def logit_layers(self) -> tuple[str, ...]:
        """See :class:`Core`; the names are those of this module."""
        return tuple(f"core.{name}" for name in self.core.logit_layers)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits.

        Args:
            image: Float (batch, channel, scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth) of the same spatial size.
        """
        slices = image.shape[2]
        padded = pad_to_blocks(image, self.multiple)
        logits = self._from_core(self.core(self._to_core(padded)), padded)
        return logits[:, :, :slices, : image.shape[3], : image.shape[4]]

    def outputs(self, image: Tensor) -> list[Tensor]:
        """Return the logits that are trained on, (batch, class, scan, lateral, depth) each.

        The first has the image's size up to the next multiple; later ones may be coarser.
        """
        padded = pad_to_blocks(image, self.multiple)
        outputs = self.core.outputs(self._to_core(padded))
        return [self._from_core(logits, padded) for logits in outputs]

    def _to_core(self, volume: Tensor) -> Tensor:
        return volume.transpose(1, 2).flatten(0, 1) if self.by_slice else volume

    def _from_core(self, logits: Tensor, volume: Tensor) -> Tensor:
        if not self.by_slice:
            return logits
        by_slice = logits.view(volume.shape[0], volume.shape[2], *logits.shape[1:])
        return by_slice.transpose(1, 2)
