import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import load_bundle
from amcnet.bundle.saving import save_model
from amcnet.data import PlanBudget, Preprocessing, check_dataset, make_fingerprint
from amcnet.data.grid_ceiling import grid_ceiling
from amcnet.errors import ConfigError
from amcnet.io import Geometry, write_image, write_labels
from amcnet.training import read_config
from amcnet.training.setup import PrepareOptions, prepare
from amcnet.training.start_plan import choose_recipe, plan_start

HAND_SPACING_MM = (0.837, 0.867, 0.88)


@pytest.fixture
def bone(tmp_path: Path) -> Path:
    """Three stacks of a long bone, of one label, on a grid of their own."""
    folder = tmp_path / "bone"
    geometry = Geometry.canonical((30, 40, 36), (0.9, 0.4, 0.4))
    places = np.indices((30, 40, 36))
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for case in range(3):
        distance = np.hypot(places[1] - 18 - case, places[2] - 18)
        labels = (distance < 10).astype(np.uint8)
        image = np.random.default_rng(case).integers(0, 90, labels.shape) + 120 * labels
        write_image(folder / "images" / f"b{case}.nrrd", image.astype(np.uint8), geometry)
        table = LabelTable.from_names(["bone"])
        write_labels(folder / "labels" / f"b{case}.nrrd", labels, geometry, table)
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "bone": 1}}))
    return folder


def test_three_stacks_of_one_bone(tmp_path: Path, bone: Path) -> None:
    preparation = prepare(check_dataset(bone), tmp_path / "out", PrepareOptions(start_from="hand"))
    config = read_config(tmp_path / "out")
    assert preparation.dataset.preprocessing.spacing_mm == HAND_SPACING_MM
    assert config.data.fold == "all"
    assert config.augmentation.mirror_axes == ("scan", "lateral")
    assert config.augmentation.mirror_probability == 0.5
    assert config.augmentation.speckle > 0
    assert config.sampling.crop_probability > 0
    assert config.network.options["space_to_depth"] == [2, 3, 2]
    text = (tmp_path / "out" / "config.toml").read_text()
    assert not any(f"\n{former} = " in text for former in ("pools", "block", "detail"))
    assert "all 3 cases are used for training and none is held out" in text
    assert "none of them held out" in config.data.description


def test_folds_and_a_split_of_the_data_hold_cases_out(tmp_path: Path, bone: Path) -> None:
    options = PrepareOptions(start_from="hand", folds=3)
    prepare(check_dataset(bone), tmp_path / "folds", options)
    assert read_config(tmp_path / "folds").data.fold == 0
    split = [{"train": ["b0", "b1"], "val": ["b2"]}]
    (bone / "splits_final.json").write_text(json.dumps(split))
    prepare(check_dataset(bone), tmp_path / "own", PrepareOptions(start_from="hand"))
    assert read_config(tmp_path / "own").data.fold == 0


def test_a_thin_shell_gets_a_finer_grid(tmp_path: Path, bone: Path) -> None:
    """A shell of one fine voxel is lost at the model's grid."""
    report = check_dataset(bone)
    fingerprint = make_fingerprint(report.properties, report.dataset)
    model = load_bundle("hand").description
    places = np.indices((30, 40, 36))
    distance = np.hypot(places[1] - 18, places[2] - 18)
    shell = ((distance < 10) & (distance > 8.5)).astype(np.uint8)

    def ceiling(preprocessing: Preprocessing) -> float | None:
        return grid_ceiling(shell, (0.9, 0.4, 0.4), preprocessing)

    plan = plan_start(model, fingerprint, ceiling)
    finer = plan.preprocessing
    assert ceiling(finer) > ceiling(model.preprocessing)
    ratio = np.divide(finer.spacing_mm, HAND_SPACING_MM)
    assert ratio == pytest.approx([ratio[0]] * 3, rel=0.01)
    assert ratio[0] < 1
    assert plan.window * ratio[0] == pytest.approx(model.window, rel=0.02)
    assert "times the model's spacing" in plan.reasons[1]
    small = PlanBudget(voxels=30 * 20 * 20)
    assert plan_start(model, fingerprint, ceiling, small).preprocessing == model.preprocessing
    assert plan_start(model, fingerprint, lambda _: 0.95).preprocessing == model.preprocessing


def test_volumes_too_large_for_the_budget_get_a_coarser_grid(bone: Path) -> None:
    report = check_dataset(bone)
    fingerprint = make_fingerprint(report.properties, report.dataset)
    large = fingerprint.model_copy(update={"shape": (300, 512, 512), "spacing_mm": (1.0, 1.0, 1.0)})
    model = load_bundle("hand").description
    plan = plan_start(model, large, lambda _: 0.1)
    scan, lateral, depth = plan.preprocessing.network_shape(large.shape, large.spacing_mm)
    voxels = min(scan, plan.window) * lateral * depth
    assert 0.8 * PlanBudget().voxels < voxels <= PlanBudget().voxels
    assert "times as coarse as the model's" in plan.reasons[1]


def test_a_network_of_another_training_loop_is_refused(tmp_path: Path, bone: Path) -> None:
    grid = Preprocessing(spacing_mm=(1.0, 1.0, 1.0))
    network = torch.nn.Conv3d(1, 2, 3, padding=1)
    save_model(network, LabelTable.from_names(["bone"]), grid, tmp_path / "own")
    options = PrepareOptions(start_from=str(tmp_path / "own"))
    with pytest.raises(ConfigError, match=r"own: cannot be a starting point: found name 'own'"):
        prepare(check_dataset(bone), tmp_path / "out", options)


def test_the_recipe_follows_labels_cases_and_model() -> None:
    hand = load_bundle("hand").description
    recipe = choose_recipe(hand_label_table(), 10, None, True)
    assert (recipe.holds_out, recipe.is_ultrasound) == (True, True)
    assert recipe.mirror_axes == ("lateral", "scan")
    for axes in (("lateral",), ("lateral", "scan")):
        model = hand.model_copy(update={"mirror_axes": axes})
        assert choose_recipe(hand_label_table(), 10, model, True).mirror_axes == axes
    several = choose_recipe(LabelTable.from_names(["radius", "ulna"]), 4, hand, False)
    assert (several.holds_out, several.mirror_axes, several.is_ultrasound) == (False, (), False)
    other = replace_labels(hand, LabelTable.from_names(["femur"]))
    assert not choose_recipe(LabelTable.from_names(["bone"]), 9, other, True).is_ultrasound
    assert replace(several, holds_out=True) != several
    assert not any("held out" in text for text in several.with_held_out_cases().reasons)


def replace_labels(description: object, table: LabelTable) -> object:
    return description.model_copy(update={"labels": table.to_dicts()})
