import json
from pathlib import Path

import numpy as np
import pytest
import torch

from amcnet import segment
from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.bundle.export import load_network_weights
from amcnet.errors import ConfigError, OutputError
from amcnet.io import Geometry, write_image, write_labels
from amcnet.training import TrainingConfig, read_config, train
from amcnet.training.curves import read_metrics
from amcnet.training.task import SegmentationTask

TABLE = LabelTable.from_names(["left block", "right block"])
SHAPE, SPACING_MM = (20, 24, 20), (1.0, 1.5, 1.0)


def write_blocks(folder: Path, cases: int = 4) -> Path:
    """A data set that is not the hand: two bright blocks at anisotropic spacing."""
    rng = np.random.default_rng(0)
    geometry = Geometry.canonical(SHAPE, SPACING_MM)
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for case in range(cases):
        labels = np.zeros(SHAPE, np.uint8)
        shift = rng.integers(0, 5)
        labels[4:16, 3 + shift : 9 + shift, 5:12] = 1
        labels[4:16, 14 + shift : 19 + shift, 8:15] = 2
        image = (labels > 0) * 120 + rng.integers(0, 60, SHAPE)
        write_image(folder / "imagesTr" / f"b{case}_0000.nrrd", image.astype(np.uint8), geometry)
        write_labels(folder / "labelsTr" / f"b{case}.nrrd", labels, geometry, TABLE)
    description = {
        "labels": {"background": 0, "left block": 1, "right block": 2},
        "file_ending": ".nrrd",
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


def blocks_config(folder: Path, steps: int) -> TrainingConfig:
    path = folder / "blocks.toml"
    path.write_text(f"""
name = "blocks"
precision = "float32"
[data]
dataset = "blocks"
description = "blocks"
[preprocessing]
spacing_mm = [1.0, 1.5, 1.0]
[network]
num_classes = 3
width = 4
[sampling]
window = 8
[augmentation]
mirror_probability = 0.0
[optimiser]
learning_rate = 0.01
warmup_steps = 5
[schedule]
steps = {steps}
steps_per_epoch = 10
""")
    return read_config(path)


def losses_of(run: Path) -> dict[int, float]:
    rows = read_metrics(run / "log")
    return {int(row["epoch"]): float(row["loss_epoch"]) for row in rows if "loss_epoch" in row}


def test_run_learns_and_its_bundle_segments(tmp_path: Path) -> None:
    write_blocks(tmp_path / "blocks")
    run = tmp_path / "run"
    bundle = train(blocks_config(tmp_path, 60), run)
    losses = list(losses_of(run).values())
    assert losses[-1] < 0.8 * losses[0]
    assert (run / "curves.png").stat().st_size > 5000
    assert bundle.description.label_table[2].name == "right block"
    assert bundle.description.provenance.steps == 60
    assert load_bundle(run / "model").folder == run / "model"
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:16, 5:11, 5:12] = 1
    result = segment((labels * 120 + 30).astype(np.uint8), SPACING_MM, model=run / "model")
    found, truth = result.labels > 0, labels > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7


def test_interrupted_run_ends_like_the_whole_one(tmp_path: Path) -> None:
    write_blocks(tmp_path / "blocks")
    config = blocks_config(tmp_path, 40)
    train(config, tmp_path / "whole")

    class StopError(Exception):
        pass

    def interrupt(task: SegmentationTask) -> None:
        if task.current_epoch == 2:
            raise StopError

    original = SegmentationTask.on_train_epoch_start
    SegmentationTask.on_train_epoch_start = interrupt
    try:
        with pytest.raises(StopError):
            train(config, tmp_path / "broken")
    finally:
        SegmentationTask.on_train_epoch_start = original
    train(config, tmp_path / "broken", resume=True)
    whole, resumed = losses_of(tmp_path / "whole"), losses_of(tmp_path / "broken")
    assert len(whole) == 4
    assert resumed == whole


def test_folders_and_configurations_are_guarded(tmp_path: Path) -> None:
    write_blocks(tmp_path / "blocks")
    config = blocks_config(tmp_path, 10)
    with pytest.raises(OutputError, match=r"last\.ckpt: is missing"):
        train(config, tmp_path / "run", resume=True)
    train(config, tmp_path / "run")
    with pytest.raises(OutputError, match="holds a run already"):
        train(config, tmp_path / "run")
    with pytest.raises(ConfigError, match="differs from the configuration"):
        train(config.model_copy(update={"seed": 9}), tmp_path / "run", resume=True)
    wrong = config.network.model_copy(update={"num_classes": 7})
    with pytest.raises(ConfigError, match=r"network\.num_classes = 7, expected 3"):
        train(config.model_copy(update={"network": wrong}), tmp_path / "other")


def test_non_finite_gradients_are_dropped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "blocks").mkdir()
    task = SegmentationTask(blocks_config(tmp_path, 10), TABLE)
    optimiser = task.configure_optimizers()
    before = [p.detach().clone() for p in task.parameters()]
    for parameter in task.parameters():
        parameter.grad = torch.full_like(parameter, 0.1)
    next(task.parameters()).grad[0] = float("nan")
    task.on_before_optimizer_step(optimiser)
    optimiser.step()
    assert task.skipped_steps == 1
    assert all(torch.equal(a, b) for a, b in zip(before, task.parameters(), strict=True))


def test_training_starts_from_the_weights_of_a_model(tmp_path: Path) -> None:
    write_blocks(tmp_path / "blocks")
    first = train(blocks_config(tmp_path, 1), tmp_path / "first")
    path = tmp_path / "blocks.toml"
    text = path.read_text().replace("learning_rate = 0.01", "learning_rate = 1e-12")
    path.write_text('start_from = "first/model"\n' + "seed = 3\n" + text)
    second = train(read_config(path), tmp_path / "second")
    weights = [load_network_weights(bundle) for bundle in (first, second)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value)
    digest = first.description.sha256["model.safetensors"]
    assert digest in str(second.description.provenance.started_from)
    assert first.description.provenance.started_from is None
    path.write_text(path.read_text().replace("width = 4", "width = 5"))
    with pytest.raises(ConfigError, match="start_from"):
        train(read_config(path), tmp_path / "third")
