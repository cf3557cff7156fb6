"""Predicted Dice coefficients: the features, the fit, and the finding on low ones."""

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle.dice_calibration import FEATURES, REFINED_FEATURES, DiceWeights
from amcnet.inference.structure_evidence import StructureEvidence
from amcnet.io.predicted_dice import PredictedDice
from amcnet.quality import QualityReport, Severity, check_segmentation
from amcnet.quality.dice_features import dice_features
from amcnet.quality.dice_fitting import fit_calibration, fit_weights
from amcnet.quality.dice_prediction import DiceEvidence
from amcnet.quality.observation import observe
from amcnet.quality.size_checks import Sizes

TABLE = LabelTable.from_names(["femur", "tibia", "patella"])
SPACING_MM = (1.0, 0.8, 0.6)
SURE = StructureEvidence(0.95, 0.95, 0.96, 0.97)
UNSURE = StructureEvidence(0.6, 0.5, 0.5, 0.6)


def blocks() -> np.ndarray:
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[2:14, 2:14, 4:14] = 1
    labels[16:28, 2:14, 4:14] = 2
    labels[10:13, 20:23, 4:8] = 3
    return labels


def true_odds(features: np.ndarray) -> np.ndarray:
    """The log-odds of Dice in a world where thickness and the refiner's figures tell them."""
    thickness, refined = (FEATURES.index(name) for name in ("thickness", "refined dice"))
    return -1.0 + 1.5 * features[:, thickness] + 0.7 * features[:, refined]


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    features = rng.normal(1, 1, (600, len(FEATURES)))
    noise = rng.normal(0, 0.4, len(features))
    return features, 1 / (1 + np.exp(-true_odds(features) - noise))


def test_a_fit_predicts_structures_that_it_has_not_seen(made) -> None:
    features, dice = made
    weights = fit_weights(features[:400], dice[:400])
    predicted = weights.predict(features[400:])
    best = 1 / (1 + np.exp(-true_odds(features[400:])))
    assert np.abs(predicted - best).mean() < 0.03
    assert weights.weights["thickness"] == pytest.approx(1.5, rel=0.15)


def test_predictions_are_means(made) -> None:
    features, dice = made
    predicted = fit_weights(features, dice).predict(features)
    assert predicted.mean() == pytest.approx(dice.mean(), abs=0.002)
    middle = (predicted > 0.4) & (predicted < 0.7)
    assert predicted[middle].mean() == pytest.approx(dice[middle].mean(), abs=0.03)


def test_predictions_never_fall_with_a_feature(made) -> None:
    features, dice = made
    for target in (dice, 1 - dice):  # where the truth falls with every feature, too
        weights = fit_weights(features, target)
        assert all(weight > 0 for weight in weights.weights.values())
        base = weights.predict(features[:50])
        for column in range(len(FEATURES)):
            raised = features[:50].copy()
            raised[:, column] += 1
            assert (weights.predict(raised) >= base).all()


def test_the_limit_names_most_low_structures_at_few_false_alarms(made) -> None:
    features, dice = made
    noisy = np.clip(dice + np.random.default_rng(1).normal(0, 0.1, len(dice)), 0, 1)
    weights = fit_weights(features, noisy)
    told, low = weights.predict(features) < weights.named_below, noisy < 0.5
    assert told[noisy >= 0.8].mean() <= 0.051
    assert told[low].mean() > 0.6
    assert weights.named_below >= 0.5


@pytest.mark.parametrize("level", [0.2, 0.9])
def test_the_limit_is_half_where_all_are_low_or_none_is(level: float, made) -> None:
    features, _ = made
    assert fit_weights(features, np.full(len(features), level)).named_below == 0.5


def test_few_structures_are_predicted_to_be_average() -> None:
    features = np.random.default_rng(0).normal(size=(2, len(FEATURES)))
    predicted = fit_weights(features, np.array([0.6, 0.8])).predict(features)
    assert predicted.mean() == pytest.approx(0.7, abs=0.01)
    assert np.ptp(predicted) < 0.2


def test_labels_of_the_first_stage_have_weights_of_their_own(made) -> None:
    features, dice = made
    both = fit_calibration(features, dice, "made", 10)
    assert both.refined is not None
    assert not set(both.first_stage.weights) & set(REFINED_FEATURES)
    assert both.weights_for(refined=True) == both.refined
    alone = features.copy()
    alone[:, [FEATURES.index(name) for name in REFINED_FEATURES]] = np.nan
    first = fit_calibration(alone, dice, "made", 10)
    assert first.refined is None
    assert first.weights_for(refined=True) == first.first_stage == both.first_stage
    assert np.isfinite(first.first_stage.predict(alone)).all()


def test_features_tell_thin_cut_and_doubtful_structures_apart() -> None:
    seen = observe(blocks(), SPACING_MM, TABLE)
    rows = dice_features(seen, Sizes(), {1: SURE, 2: UNSURE, 3: SURE})

    def of(value: int, name: str) -> float:
        return float(rows[value][FEATURES.index(name)])

    assert set(rows) == {1, 2, 3}
    assert of(3, "thickness") < of(1, "thickness")
    assert np.exp(of(1, "volume")) == pytest.approx(12 * 12 * 10 * 0.48)
    for name in ("expected dice", "refined dice", "agreement"):
        assert of(2, name) < of(1, name)
    assert of(2, "expected dice") == pytest.approx(0)
    assert of(1, "border") == 0
    cut = observe(blocks()[4:], SPACING_MM, TABLE)
    assert dice_features(cut, Sizes(), {1: SURE})[1][FEATURES.index("border")] == -1


def test_what_was_not_refined_has_no_figures_of_the_refiner() -> None:
    seen = observe(blocks(), SPACING_MM, TABLE)
    row = dice_features(seen, Sizes(), {1: StructureEvidence(0.9, 0.9)})[1]
    unknown = [name for name, value in zip(FEATURES, row, strict=True) if np.isnan(value)]
    assert tuple(unknown) == REFINED_FEATURES


def check(predicted: dict[int, float], confidence: float = 0.9) -> QualityReport:
    sure = dict.fromkeys((1, 2, 3), confidence)
    return check_segmentation(blocks(), SPACING_MM, TABLE, sure, dice=PredictedDice(predicted))


def test_the_verdict_names_structures_that_are_predicted_to_be_low() -> None:
    report = check({1: 0.91, 2: 0.44, 3: 0.86})
    assert report.verdict is Severity.LOOK
    assert report.summary() == "look: low confidence: tibia (predicted Dice 0.44)"
    assert report.reasons(1) == ()
    assert report.reasons(2) == ("low confidence (predicted Dice 0.44)",)
    assert [report.severity_of(value) for value in (1, 2, 3)] == [
        Severity.OK,
        Severity.LOOK,
        Severity.OK,
    ]
    rows = report.to_dict()["structures"]
    assert [row["predicted_dice"] for row in rows] == [0.91, 0.44, 0.86]


def test_low_predictions_of_most_structures_are_bad() -> None:
    report = check({1: 0.41, 2: 0.3, 3: 0.86})
    assert report.verdict is Severity.BAD
    assert "tibia (predicted Dice 0.30), femur (predicted Dice 0.41)" in report.summary()


def test_a_prediction_takes_the_place_of_the_confidence_that_it_rests_on() -> None:
    assert "unsure" in check({}, confidence=0.65).text()
    assert check({1: 0.7, 2: 0.7, 3: 0.7}, confidence=0.65).verdict is Severity.OK


def test_the_prediction_is_among_the_two_findings_of_the_summary() -> None:
    labels = np.where(blocks() == 3, 0, blocks())
    labels[2:6, 25:28, 20:25] = 1
    labels[25:29, 25:28, 20:25] = 2
    report = check_segmentation(labels, SPACING_MM, TABLE, dice=PredictedDice({1: 0.4, 2: 0.8}))
    kinds = [finding.kind for finding in report.findings]
    assert kinds.index("prediction") > 1
    assert "femur (predicted Dice 0.40)" in report.summary()


def test_predictions_are_made_from_evidence_and_weights() -> None:
    weights = DiceWeights(intercept=0.0, weights={"refined dice": 1.0})
    evidence = DiceEvidence({1: SURE, 2: UNSURE}, weights)
    report = check_segmentation(blocks(), SPACING_MM, TABLE, dice=evidence)
    assert report.predicted_dice == pytest.approx({1: 0.96, 2: 0.5})


def test_the_limit_of_the_weights_decides_who_is_named() -> None:
    weights = DiceWeights(intercept=0.0, weights={"refined dice": 1.0}, named_below=0.97)
    evidence = DiceEvidence({1: SURE, 2: UNSURE, 3: SURE}, weights)
    report = check_segmentation(blocks(), SPACING_MM, TABLE, dice=evidence)
    assert report.findings[0].structures == (2, 1, 3)
    assert report.verdict is Severity.BAD


def test_an_absent_structure_has_no_prediction() -> None:
    labels = np.where(blocks() == 2, 0, blocks())
    report = check_segmentation(
        labels, SPACING_MM, TABLE, dice=PredictedDice({1: 0.9, 2: 0.2, 3: 0.9})
    )
    assert set(report.predicted_dice) == {1, 3}
    assert report.to_dict()["structures"][1]["predicted_dice"] is None


def test_nothing_at_all_can_be_checked() -> None:
    weights = DiceWeights(intercept=0.0, weights={"agreement": 1.0})
    empty = np.zeros((5, 5, 5), np.uint8)
    report = check_segmentation(
        empty, SPACING_MM, hand_label_table(), dice=DiceEvidence({}, weights)
    )
    assert report.is_no_hand
    assert report.predicted_dice == {}


def test_each_structure_has_its_own_reason() -> None:
    report = check({1: 0.31, 2: 0.44, 3: 0.86})
    (finding,) = [finding for finding in report.findings if finding.kind == "prediction"]
    assert "0.31" in finding.message
    assert "0.44" in finding.message
    assert [finding.reason(value) for value in (1, 2)] == [
        "low confidence (predicted Dice 0.31)",
        "low confidence (predicted Dice 0.44)",
    ]
    (row,) = [row for row in report.to_dict()["findings"] if row["kind"] == "prediction"]
    assert row["reasons"] == [finding.reason(value) for value in row["structures"]]
