"""Turn the weights of a run into a model bundle.

    python -m tools.gpu_minutes.adopt results models/hand-gpu

copies the bundled model with the first stage and the refiner of the run, if available. It needs
OpenVINO and no GPU. The model has no calibration of its predicted Dice: fit one with ``python -m
studies.predicted_dice DATA --model models/hand-gpu --fit``.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from amcnet.bundle import Bundle, load_bundle
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.bundle.description import REFINER_WEIGHTS_FILE
from amcnet.bundle.formats.network import rebuild_network
from amcnet.bundle.refiner_export import write_refined_bundle
from amcnet.networks.refiner import Refiner
from tools.gpu_minutes.__main__ import FIRST_STAGE_FILE, REFINER_FILE


def adopt(results: Path, folder: Path) -> Bundle:
    """Write a bundle with the weights of a run; missing parts come from the bundled model."""
    bundled = load_bundle()
    refiner = bundled.description.refiner
    assert refiner is not None  # noqa: S101  the bundled model has one
    network = rebuild_network(bundled)
    if (results / FIRST_STAGE_FILE).is_file():
        network.load_state_dict(_weights(results / FIRST_STAGE_FILE))
    description = bundled.description.model_copy(update={"refiner": None, "scores": []})
    first = write_bundle(folder, network.float().eval(), description)
    second = Refiner(refiner.architecture)
    own = results / REFINER_FILE
    second.load_state_dict(_weights(own if own.is_file() else bundled.path(REFINER_WEIGHTS_FILE)))
    return write_refined_bundle(folder, first, second, refiner)


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in load_file(path).items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    print(adopt(options.results, options.folder).folder)


if __name__ == "__main__":
    main()
