"""A model learns to predict its Dice coefficients from volumes whose truth is known."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import IGNORE, LabelTable
from amcnet.bundle import load_bundle
from amcnet.bundle.dice_calibration import FEATURES
from amcnet.bundle.scores import record_calibration
from amcnet.inference import Segmentation, Segmenter
from amcnet.inference.structure_evidence import StructureEvidence
from amcnet.io import Geometry
from amcnet.quality.dice_fitting import FEWEST_STRUCTURES, fit_calibration
from amcnet.quality.dice_judging import judge_structures
from amcnet.workflows.calibration import calibrate_model
from amcnet.workflows.check_files import check_result

COUNT = 25
TABLE = LabelTable.from_names([f"block {n}" for n in range(COUNT)])
SPACING_MM = (1.0, 1.0, 1.0)


def volume(seed: int) -> tuple[Segmentation, np.ndarray]:
    """Blocks of which some are shifted; the networks know which."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((60, 60, 20), np.uint8)
    found, evidence = truth.copy(), {}
    for value in range(1, COUNT + 1):
        row, column = divmod(value - 1, 5)
        shift = int(rng.integers(0, 5))
        place = slice(12 * row + 1, 12 * row + 7), slice(12 * column + 1, 12 * column + 7)
        truth[*place, 4:12] = value
        found[12 * row + 1 + shift : 12 * row + 7 + shift, place[1], 4:12] = value
        sure = 1 - shift / 6
        evidence[value] = StructureEvidence(0.9, np.clip(sure + rng.normal(0, 0.03), 0, 1))
    geometry = Geometry.canonical(truth.shape, SPACING_MM)
    return Segmentation(found, geometry, TABLE, {}, "", {}, evidence=evidence), truth


@pytest.fixture
def model(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "model"))


def test_predictions_of_new_volumes_are_close_to_the_truth(model: Path) -> None:
    assert calibrate_model(model, [volume(seed) for seed in range(6)], "blocks")
    calibration = load_bundle(model).description.calibration
    assert calibration is not None
    assert (calibration.cases, calibration.structures) == (6, 6 * COUNT)
    assert calibration.refined is None
    found, truth = volume(100)
    judged = judge_structures(found.labels, truth, SPACING_MM, TABLE, found.evidence)
    report = check_result(replace(found, dice_weights=calibration.first_stage))
    predicted = np.array([report.predicted_dice[value] for value in judged.values])
    assert np.abs(predicted - judged.dice).mean() < 0.08
    prediction = next(f for f in report.findings if f.kind == "prediction")
    low = judged.values[judged.dice < 0.5]
    assert set(low) <= set(prediction.structures)


def test_dice_is_that_of_the_judged_voxels() -> None:
    found, truth = volume(3)
    truth[:, :, 8:] = np.where(truth[:, :, 8:] > 0, IGNORE, 0)
    judged = judge_structures(found.labels, truth, SPACING_MM, TABLE, found.evidence)
    seen = truth != IGNORE
    for value, dice in zip(judged.values, judged.dice, strict=True):
        mine, true = (found.labels == value) & seen, truth == value
        assert dice == pytest.approx(2 * (mine & true).sum() / (mine.sum() + true.sum()))
    assert judged.features.shape == (COUNT, len(FEATURES))


def test_too_few_structures_change_nothing(model: Path) -> None:
    assert FEWEST_STRUCTURES > COUNT
    before = (model / "model.json").read_bytes()
    assert not calibrate_model(model, [volume(0)], "one volume")
    assert (model / "model.json").read_bytes() == before


def test_a_model_without_calibration_predicts_nothing(small_bundle: Path) -> None:
    result = Segmenter(small_bundle)(np.zeros((9, 8, 7), np.uint8), (1.0, 1.0, 1.0))
    assert result.dice_weights is None
    assert check_result(result).predicted_dice == {}


def test_a_calibrated_model_predicts_and_an_ensemble_does_not(model: Path) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, len(FEATURES)))
    calibration = fit_calibration(features, rng.uniform(size=80), "made", 2)
    record_calibration(model, calibration)
    image = rng.integers(0, 255, (30, 24, 20)).astype(np.uint8)
    result = Segmenter(model)(image, (1.5, 1.5, 1.5))
    assert result.dice_weights == calibration.first_stage
    assert set(check_result(result).predicted_dice) == set(result.confidence)
    assert set(result.evidence) == set(result.confidence)
    several = Segmenter([model, model])(image, (1.5, 1.5, 1.5))
    assert several.dice_weights is None
