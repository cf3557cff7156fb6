"""Writing a model bundle from a trained network."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from amcnet.bundle.bundle import Bundle, load_bundle, sha256_of, write_bundle_description
from amcnet.bundle.description import (
    DESCRIPTION_FILE,
    IR_FILE,
    IR_WEIGHTS_FILE,
    REFINER_FILES,
    WEIGHTS_FILE,
    BundleDescription,
)
from amcnet.errors import OutputError
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.io.verified_files import copy_verified, write_verified
from amcnet.networks.registry import complete, needs_of
from amcnet.runtime.openvino import openvino

_EXAMPLE_PLANE = (32, 32)


def write_bundle(folder: Path, network: nn.Module, description: BundleDescription) -> Bundle:
    """Write 16-bit weights, OpenVINO IR and description, and return the verified bundle.

    Args:
        folder: Output folder; an earlier bundle is replaced as a whole, other files are kept.
        network: The trained network.
        description: Its description; the checksums are filled in here. A calibration is left out:
            it belongs to the weights that it was fitted to.

    Raises:
        OutputError: If the files cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(folder) as partial:
        _write_files(partial, network, description)
        load_bundle(partial)
        _keep_other_files(folder, partial)
        put_in_place(partial, folder)
    return load_bundle(folder)


def _keep_other_files(folder: Path, new: Path) -> None:
    """Copy what an earlier bundle's folder holds besides the bundle, such as a user's notes."""
    ours = {DESCRIPTION_FILE, WEIGHTS_FILE, IR_FILE, IR_WEIGHTS_FILE, *REFINER_FILES}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in ours and path.is_file():
            copy_verified(path, new / path.name)
        elif path.is_dir():
            shutil.copytree(path, new / path.name, symlinks=True)


def _write_files(folder: Path, network: nn.Module, description: BundleDescription) -> None:
    weights = {
        name: _as_in_the_ir(value.detach().cpu().contiguous())
        for name, value in network.state_dict().items()
    }
    write_verified(folder / WEIGHTS_FILE, save(weights))
    _write_ir(folder / IR_FILE, network, description)
    names = (WEIGHTS_FILE, IR_FILE, IR_WEIGHTS_FILE)
    described = description.model_copy(
        update={
            "sha256": {name: sha256_of(folder / name) for name in names},
            "calibration": None,
            **_network(description),
        }
    )
    write_bundle_description(folder, described)


def _network(description: BundleDescription) -> dict[str, object]:
    """Return the complete architecture and its needs, unless the description states needs."""
    if description.needs is not None:
        return {}
    architecture = description.architecture
    return {"architecture": complete(architecture), "needs": needs_of(architecture)}


def _as_in_the_ir(value: torch.Tensor) -> torch.Tensor:
    """Return a weight in 16 bits; integer counters of a batch norm are not converted."""
    return value.half() if value.is_floating_point() else value


def _write_ir(path: Path, network: nn.Module, description: BundleDescription) -> None:
    """Convert the network with free window and plane sizes and save it with 16-bit weights."""
    channels = description.architecture.in_channels
    ov = openvino()
    with warnings.catch_warnings():
        # MONAI's networks check sizes while they are traced; inputs are padded, so the checks hold.
        warnings.simplefilter("ignore", TracerWarning)
        model = ov.convert_model(
            network.float().eval(),
            example_input=example_window(description),
            input=ov.PartialShape([1, channels, -1, -1, -1]),
        )
    model.inputs[0].set_names({"image"})
    model.outputs[0].set_names({"logits"})
    save_ir(model, path)


def save_ir(model: Any, path: Path) -> None:  # noqa: ANN401  OpenVINO's own types
    """Write an IR with 16-bit weights.

    Raises:
        OutputError: If the system refuses, or the files read back are incomplete.
    """
    try:
        openvino().save_model(model, path, compress_to_fp16=True)
        openvino().Core().read_model(path)  # a full disk does not stop OpenVINO's writer
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise OutputError(f"{path}: could not be written ({reason})") from error


def example_window(description: BundleDescription) -> torch.Tensor:
    """Return an example input for tracing; the last three axes may have other sizes."""
    return torch.zeros(1, description.architecture.in_channels, description.window, *_EXAMPLE_PLANE)


def load_network_weights(bundle: Bundle) -> dict[str, torch.Tensor]:
    """Return the state dictionary of a bundle's network."""
    from safetensors.torch import load_file

    return load_file(bundle.path(WEIGHTS_FILE))
