"""Small inputs of the interrupted commands: volumes, a data set, a model, a run's configuration."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import BundleDescription, Provenance
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.data import Preprocessing
from amcnet.io import Geometry, write_image, write_labels
from amcnet.networks import Architecture, build_network

_SHAPE, _SPACING_MM = (10, 14, 12), (0.837, 1.3, 0.88)
_CONFIG = """
name = "blocks"
precision = "float32"
[data]
dataset = "{data}"
description = "blocks"
[preprocessing]
spacing_mm = [0.837, 1.3, 0.88]
[network]
num_classes = 3
width = 4
[sampling]
window = 4
[schedule]
steps = 4
steps_per_epoch = 2
checkpoint_steps = 1
[hardware]
workers = 0
"""

Run = Callable[[tuple[str, ...]], None]


def make_inputs(folder: Path, run: Run) -> None:
    """Write the inputs of all cases.

    Args:
        folder: Where to.
        run: Runs ``amcnet`` with some arguments.
    """
    rng = np.random.default_rng(5)
    grid = Geometry.canonical(_SHAPE, _SPACING_MM)
    labels = np.zeros(_SHAPE, np.uint8)
    for value in (1, 2, 5, 37):
        at = rng.integers(1, 6, 3)
        labels[tuple(slice(start, start + 4) for start in at)] = value
    table = hand_label_table()
    write_image(folder / "scan.nrrd", rng.integers(0, 255, _SHAPE).astype(np.uint8), grid)
    write_labels(folder / "truth.nrrd", labels, grid, table)
    write_labels(folder / "hand.seg.nrrd", labels, grid, table)
    _write_data_set(folder / "set", rng, grid)
    _write_model(folder / "model")
    (folder / "run.toml").write_text(_CONFIG.format(data=folder / "prepared"), encoding="utf-8")
    seg, truth = str(folder / "hand.seg.nrrd"), str(folder / "truth.nrrd")
    for arguments in (
        ("evaluate", truth, seg, "--json", str(folder / "evaluation.json")),
        ("prepare", str(folder / "set"), "-o", str(folder / "prepared")),
        ("models", "pack", str(folder / "model"), "-o", str(folder / "model.zip")),
    ):
        run(arguments)


def _write_data_set(folder: Path, rng: np.random.Generator, grid: Geometry) -> None:
    """Write two volumes with two bright blocks each."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    table = LabelTable.from_names(["left block", "right block"])
    names = table.values_by_name
    description = {"channel_names": {"0": "ultrasound"}, "labels": names, "file_ending": ".nrrd"}
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    labels = np.zeros(_SHAPE, np.uint8)
    labels[2:8, 1:6, 3:9] = 1
    labels[2:8, 8:13, 3:9] = 2
    for case in ("a", "b"):
        image = labels * 60 + rng.integers(0, 40, _SHAPE)
        write_image(folder / "imagesTr" / f"{case}_0000.nrrd", image.astype(np.uint8), grid)
        write_labels(folder / "labelsTr" / f"{case}.nrrd", labels, grid, table)


def _write_model(folder: Path) -> None:
    """Write an untrained model of the hand, which runs in a moment."""
    architecture = Architecture(width=4)
    description = BundleDescription(
        name="tiny",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=_SPACING_MM),
        window=8,
        labels=hand_label_table().to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    write_bundle(folder, build_network(architecture), description)
