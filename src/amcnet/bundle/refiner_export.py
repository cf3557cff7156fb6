"""Adding a refiner to a model bundle."""

from pathlib import Path

import torch
from safetensors.torch import save

from amcnet.bundle.bundle import Bundle, load_bundle, sha256_of, write_bundle_description
from amcnet.bundle.bundle_writing import save_ir
from amcnet.bundle.description import (
    REFINER_FILES,
    REFINER_IR_FILE,
    REFINER_WEIGHTS_FILE,
    RefinerDescription,
)
from amcnet.errors import ModelError
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.io.verified_files import copy_verified, write_verified
from amcnet.networks.refiner import Refiner
from amcnet.runtime.openvino import openvino


def write_refined_bundle(
    folder: Path, model: Bundle, network: Refiner, description: RefinerDescription
) -> Bundle:
    """Write a copy of a model with a refiner added, and return the verified bundle.

    Args:
        folder: Output folder; an earlier bundle is replaced as a whole.
        model: The model to refine; an existing refiner is replaced.
        network: The trained refiner.
        description: Its description.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    network = network.float().eval()
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    with new_folder(folder) as partial:
        for name in model.description.sha256:
            if name not in REFINER_FILES:
                copy_verified(model.path(name), partial / name)
        write_verified(partial / REFINER_WEIGHTS_FILE, save(weights))
        _write_ir(partial / REFINER_IR_FILE, network, description)
        _describe(partial, model, description)
        put_in_place(partial, folder)
    return load_bundle(folder)


def add_refiner(folder: Path, refined: Bundle) -> Bundle:
    """Copy the refiner of another bundle into a model, and return the verified bundle.

    A refiner depends only on the kinds and channels of a model, not on its weights.

    Raises:
        ModelError: If a bundle is damaged, the other one has no refiner, or the refiner does not
            fit the model.
    """
    model = load_bundle(folder)
    description = refined.description.refiner
    if description is None:
        raise ModelError(f"{refined.folder}: has no refiner, expected a model with one")
    for name in REFINER_FILES:
        copy_verified(refined.path(name), folder / name)
    return _describe(folder, model, description)


def _describe(folder: Path, model: Bundle, refiner: RefinerDescription) -> Bundle:
    sums = {name: sha256_of(folder / name) for name in REFINER_FILES}
    # A calibration belongs to both networks.
    described = model.description.model_copy(
        update={
            "refiner": refiner,
            "calibration": None,
            "sha256": model.description.sha256 | sums,
        }
    )
    write_bundle_description(folder, described)
    return load_bundle(folder)


def _write_ir(path: Path, network: Refiner, description: RefinerDescription) -> None:
    """Convert the network with dynamic batch and patch sizes and save it with 16-bit weights."""
    ov = openvino()
    sizes = description.architecture
    channels = sizes.in_channels + sizes.kinds
    side = 2 * sizes.divisor
    model = ov.convert_model(
        network,
        example_input=torch.zeros(2, channels, side, side, side),
        input=ov.PartialShape([-1, channels, -1, -1, -1]),
    )
    model.inputs[0].set_names({"patch"})
    model.outputs[0].set_names({"logits"})
    save_ir(model, path)
