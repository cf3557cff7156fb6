"""Save a network from a custom training loop as a model."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from amcnet.anatomy import LabelTable
from amcnet.bundle.bundle import Bundle
from amcnet.bundle.bundle_writing import example_window, write_bundle
from amcnet.bundle.description import DESCRIPTION_FILE, BundleDescription, Provenance
from amcnet.data.preprocessing import Preprocessing
from amcnet.errors import InputError, OutputError
from amcnet.networks import Architecture, NetworkNeeds
from amcnet.networks.architecture import AxisSizes
from amcnet.networks.space_to_depth import pad_to_divisor

OWN_NETWORK = "own"


def save_model(
    network: nn.Module,
    table: LabelTable,
    preprocessing: Preprocessing,
    folder: str | Path,
    *,
    name: str | None = None,
    window: int = 64,
    in_channels: int = 1,
    divisor: AxisSizes = (1, 1, 1),
    notice: str = "",
    licence: str = "",
    training_data: str = "not stated",
    overwrite: bool = False,
) -> Bundle:
    """Save a trained PyTorch network as a model for ``amcnet segment --model FOLDER``.

    The network must map float32 images (1, channel, scan, lateral, depth) to logits (1, class,
    scan, lateral, depth) and be convertible to OpenVINO. A network from
    :func:`amcnet.networks.build_network` can also be run by PyTorch and fine-tuned.

    Args:
        network: The network; it is put into evaluation mode.
        table: The structures; class 0 is background.
        preprocessing: Spacing (mm) and normalisation that the network was trained with.
        folder: Folder of the model, created if needed.
        name: Name of the model; the folder's name by default.
        window: Slices of a training window.
        in_channels: Channels of its input; known for a network from ``build_network``.
        divisor: Input sizes must be multiples of this, (scan, lateral, depth); volumes are padded.
        notice: Notice to users, printed with every result.
        licence: Licence of the weights, preferably an SPDX identifier; empty if not stated.
        training_data: Description of the training data, for users to read.
        overwrite: Replace an existing model in the folder.

    Returns:
        The model, read back and checked.

    Raises:
        InputError: If the network's output does not fit the table.
        OutputError: If the folder is in use, or cannot be written.

    Example:
        >>> import tempfile
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.data import Preprocessing
        >>> network = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv3d(8, 3, 1))
        >>> table = LabelTable.from_names(["femur", "tibia"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     grid = Preprocessing(spacing_mm=(0.8, 0.8, 0.8))
        ...     bundle = save_model(network, table, grid, f"{folder}/knee", window=32)
        ...     bundle.description.name
        'knee'
    """
    folder = Path(folder)
    if folder.exists() and not overwrite and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: is in use, expected a new folder (or overwrite=True)")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DESCRIPTION_FILE).is_file():
        raise OutputError(f"{folder}: holds other files, expected a model or a new folder")
    known = getattr(network, "architecture", None)
    architecture = known or Architecture(
        name=OWN_NETWORK, in_channels=in_channels, num_classes=table.num_classes
    )
    description = BundleDescription(
        name=name or folder.resolve().name,
        licence=licence,
        notice=notice,
        architecture=architecture,
        preprocessing=preprocessing,
        window=window,
        labels=table.to_dicts(),
        provenance=Provenance(training_data=training_data, configuration={}),
        sha256={},
    )
    padded = network if known is not None else _Padded(network, divisor)
    memory = _check_output(padded.eval(), description)
    if known is None:
        needs = NetworkNeeds(divisor=divisor, least_shape=divisor, bytes_per_voxel=memory)
        description = description.model_copy(update={"needs": needs})
    return write_bundle(folder, padded, description)


class _Padded(nn.Module):
    """Pads volumes for a network that restricts the size of its input."""

    def __init__(self, network: nn.Module, divisor: AxisSizes) -> None:
        super().__init__()
        self.network = network
        self.divisor = divisor

    def forward(self, image: Tensor) -> Tensor:
        scan, lateral, depth = image.shape[2:]
        logits: Tensor = self.network(pad_to_divisor(image, self.divisor))
        return logits[:, :, :scan, :lateral, :depth]


def _check_output(network: nn.Module, description: BundleDescription) -> float:
    """Run the network once and return the bytes of its layers' outputs per voxel."""
    image = example_window(description)
    made = 0

    def count(layer: nn.Module, given: Any, output: Any) -> None:  # noqa: ANN401
        nonlocal made
        made += output.numel() * output.element_size() if isinstance(output, Tensor) else 0

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if not any(layer.children())
    ]
    try:
        with torch.inference_mode():
            logits = network.float()(image)
    except RuntimeError as error:
        raise InputError(
            f"the network does not take an image of shape {tuple(image.shape)}, expected (batch, "
            f"channel, scan, lateral, depth): {str(error).splitlines()[0]}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    expected = (1, description.label_table.num_classes, *image.shape[2:])
    found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if found != expected:
        raise InputError(f"the network gives {found}, expected logits of shape {expected}")
    return max(1.0, made / image[0, 0].numel())
