from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.data import check_dataset
from amcnet.training.task import SegmentationTask
from amcnet.training.training_config import TrainingConfig
from studies import few_scans

TABLE = LabelTable.from_names(["left", "right"])
SPACING_MM = (1.0, 0.8, 0.5)


def scan_of(name: str) -> few_scans.Scan:
    labels = np.zeros((8, 20, 24), np.uint8)
    labels[2:6, 3:8, 5:15], labels[2:6, 12:17, 5:15] = 1, 2
    noise = np.random.default_rng(ord(name)).integers(0, 20, labels.shape)
    image = (labels * 90 + noise).astype(np.uint8)
    return few_scans.Scan(name, image, labels, image, labels, SPACING_MM)


def test_the_average_lies_between_both_models(
    small_bundle: Path, other_bundle: Path, tmp_path: Path
) -> None:
    mean = few_scans.average(*map(load_bundle, (small_bundle, other_bundle)), tmp_path / "mean")
    one, other, between = (
        load_file(folder / "model.safetensors")
        for folder in (small_bundle, other_bundle, mean.folder)
    )
    for name, weights in between.items():
        expected = (one[name].astype(float) + other[name]) / 2
        np.testing.assert_allclose(weights.astype(float), expected, atol=1e-3)


@pytest.mark.parametrize("part", [None, "encoder", "decoder"])
def test_frozen_parts_keep_their_weights(part: str | None) -> None:
    config = TrainingConfig.model_validate(
        {
            "name": "frozen",
            "data": {"dataset": "unused", "description": "nothing"},
            "preprocessing": {"spacing_mm": SPACING_MM},
            "network": {"width": 4, "num_classes": 3},
            "schedule": {"steps": 1},
        }
    )
    task = SegmentationTask(config, TABLE)
    before = {name: weight.detach().clone() for name, weight in task.network.named_parameters()}
    with few_scans.frozen(part):
        optimiser = task.configure_optimizers()
    task.network(torch.randn(1, 1, 16, 32, 32)).square().sum().backward()
    optimiser.step()
    changed = {
        name.partition(".")[0]
        for name, weight in task.network.named_parameters()
        if not torch.equal(weight, before[name])
    }
    assert {"encoder", "decoder", "head"} - changed == {part} - {None}


def test_the_data_set_that_is_written_can_be_prepared(tmp_path: Path) -> None:
    few_scans.write_dataset(tmp_path / "hands", [scan_of("a"), scan_of("b")], TABLE)
    report = check_dataset(tmp_path / "hands")
    assert report.errors == ()
    assert [case.name for case in report.dataset.cases] == ["a", "b"]
    assert report.dataset.table == TABLE


def test_rows_are_ordered_by_scans_and_dice() -> None:
    names = (
        "other_dice",
        "refined_bone",
        "refined_epiphysis",
        "phantom_dice",
        "refined_phantom_dice",
    )
    figures = dict.fromkeys(names, 0.5)
    rows = [
        {"recipe": recipe, "cases": cases, "steps": 9, "refined_dice": dice, **figures}
        for recipe, cases, dice in (("b", 5, 0.6), ("a", 5, 0.7), ("c", 0, 0.4))
    ]
    order = [line.split("|")[1].strip() for line in few_scans.text_of(rows).splitlines()[2:]]
    assert order == ["c", "a", "b"]
