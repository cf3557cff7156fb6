"""The study of predicted Dice coefficients: its figures, its distortions, and a run of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from amcnet.bundle import load_bundle
from amcnet.phantom import PhantomConfig, write_dataset
from amcnet.phantom.grids import PhantomGrid
from studies import predicted_dice
from studies.distortions import DISTORTIONS, distorted
from studies.prediction_scores import area_under_curve, prediction_scores, reliability

SPACING_MM = (1.2, 1.0, 0.7)


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 9, 60).astype(float), rng.uniform(size=60) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert area_under_curve(score, positive) == pytest.approx(np.mean(pairs))
    assert np.isnan(area_under_curve(score, np.zeros(60, bool)))


def test_figures_of_predictions() -> None:
    dice = np.array([0.2, 0.4, 0.6, 0.9, 0.95])
    predicted = np.array([0.3, 0.7, 0.4, 0.9, 0.85])
    scores = prediction_scores(predicted, dice, 0.5)
    assert scores["low"] == 2
    assert scores["low_told"] == 0.5
    assert scores["false_alarms"] == pytest.approx(1 / 3)
    assert scores["false_alarms_good"] == 0
    assert scores["mean_error"] == pytest.approx(np.mean([0.1, 0.3, 0.2, 0, 0.1]))


def test_bins_hold_all_structures_in_order() -> None:
    rng = np.random.default_rng(2)
    predicted = rng.uniform(size=101)
    bins = reliability(predicted, predicted**2)
    assert sum(row["structures"] for row in bins) == 101
    means = [row["predicted"] for row in bins]
    assert means == sorted(means)
    total = sum(row["dice"] * row["structures"] for row in bins)
    assert total == pytest.approx(np.sum(predicted**2))


def small_hand() -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros((40, 36, 30), np.uint8)
    labels[6:30, 8:14, 10:16], labels[6:30, 20:26, 12:18] = 5, 11
    rng = np.random.default_rng(1)
    image = np.where(labels > 0, 180, 40) + rng.integers(0, 30, labels.shape)
    return image.astype(np.uint8), labels


def test_all_distortions_take_turns_and_keep_image_and_labels_together() -> None:
    image, labels = small_hand()
    names = []
    for number in range(21):
        name, picture, truth = distorted(number, image, labels, SPACING_MM)
        assert picture.shape == truth.shape
        assert picture.dtype == truth.dtype == np.uint8
        assert set(np.unique(truth)) <= {0, 5, 11}
        if name != "none":
            assert not np.array_equal(picture, image)
        names.append(name)
    assert names.count("none") == 7
    assert set(names) == {"none", *DISTORTIONS}


@pytest.mark.slow
def test_a_calibration_is_fitted_recorded_and_judged(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitted on two cases of an untrained model, judged on the same: a run, not a result."""
    grid = PhantomGrid((61, 52, 26), (2.79, 2.6, 1.76))
    write_dataset(tmp_path / "hands", 2, 820_000, PhantomConfig(grid))
    shutil.copytree(small_bundle, tmp_path / "model")
    monkeypatch.setattr(predicted_dice, "PICTURE", tmp_path / "picture.png")
    call = [str(tmp_path / "hands"), "--model", str(tmp_path / "model")]
    call += ["--cache", str(tmp_path / "cache"), "--json", str(tmp_path / "results.json")]
    predicted_dice.main([*call, "--fit"])
    assert load_bundle(tmp_path / "model").description.calibration is not None
    predicted_dice.main([*call, "--evaluate"])
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["groups"]["all"]["hands"] == 2
    assert (tmp_path / "picture.png").stat().st_size > 1000
