"""The interface of all networks."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from amcnet.networks.architecture import Architecture

Loss = Callable[[Tensor, Tensor], Tensor]


class ParameterLayout(NamedTuple):
    """Arrangement of classes and voxels in a parameter.

    Attributes:
        class_axes: Number of leading axes that run over the classes: 0, 1 or 2.
        voxels: Number of voxels stored consecutively along the first axis, or, if ``class_axes`` is
            0, along the second one (the input channels). Greater than 1 for space-to-depth
            networks.
    """

    class_axes: int = 0
    voxels: int = 1


class Supervision(Protocol):
    """Computes the training loss of a network.

    An implementation is a PyTorch module. Its parameters are the layers that only training needs;
    they are not part of the model.
    """

    def __call__(
        self, network: "SegmentationNetwork", image: Tensor, labels: Tensor, step: int
    ) -> Tensor:
        """Return the loss, a scalar.

        Args:
            network: The network that this supervision was made for.
            image: Float (batch, channel, scan, lateral, depth).
            labels: uint8 (batch, scan, lateral, depth); ``IGNORE`` marks voxels without a label.
            step: Number of steps taken so far, which determines random choices.
        """


class SegmentationNetwork(nn.Module):
    """A network that maps an image of any size to logits of the same size.

    ``forward`` takes a float image (batch, channel, scan, lateral, depth) and returns logits
    (batch, class, scan, lateral, depth). The methods below have defaults for a network with one
    output.

    Attributes:
        architecture: Complete description, set by :func:`amcnet.networks.build_network`.

    Example:
        >>> import torch
        >>> class Linear(SegmentationNetwork):
        ...     def __init__(self) -> None:
        ...         super().__init__()
        ...         self.head = nn.Conv3d(1, 3, kernel_size=1)
        ...     def forward(self, image: Tensor) -> Tensor:
        ...         return self.head(image)
        >>> network = Linear()
        >>> tuple(network(torch.zeros(1, 1, 4, 6, 8)).shape), network.logit_layers
        ((1, 3, 4, 6, 8), ('head',))
    """

    architecture: Architecture

    @property
    def logit_layers(self) -> tuple[str, ...]:
        """Names of the layers that produce logits; each has a bias."""
        return ("head",)

    def parameter_layout(self, name: str) -> ParameterLayout:
        """Return the arrangement of classes and voxels in a parameter of the state dictionary."""
        return ParameterLayout(class_axes=1 if name.startswith("head.") else 0)

    def supervision(self, loss: nn.Module, stages: bool) -> nn.Module:
        """Return the :class:`Supervision` that trains the network.

        Args:
            loss: Takes logits (batch, class, scan, lateral, depth) and labels (batch, scan,
                lateral, depth).
            stages: Whether the coarser stages of the decoder also have a loss (deep supervision).
        """
        return OutputSupervision(loss)


class OutputSupervision(nn.Module):
    """The loss of a network's only output."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(
        self, network: SegmentationNetwork, image: Tensor, labels: Tensor, step: int
    ) -> Tensor:
        """Return the loss, see :class:`Supervision`."""
        loss: Tensor = self.loss(network(image), labels)
        return loss
