import numpy as np
import pytest
from scipy.special import softmax

from amcnet.inference.confidence import ConfidenceMeter


def test_two_classes_with_known_odds() -> None:
    plane = np.zeros((2, 1, 3), np.float32)
    plane[1, 0] = np.log([3, 9, 0.5])
    meter = ConfidenceMeter(2)
    meter.add(plane, np.array([[1, 1, 0]], np.uint8))
    assert meter.means() == pytest.approx({1: (3 / 4 + 9 / 10) / 2})


def test_mean_of_the_softmax_over_the_samples_that_were_won() -> None:
    rng = np.random.default_rng(0)
    volume = rng.normal(0, 4, (5, 39, 12, 9)).astype(np.float32)
    volume[:, 0] += 3
    volume[:, 7] = -50  # is never found
    won = volume.argmax(axis=1)
    meter = ConfidenceMeter(39)
    for plane, winner in zip(volume, won, strict=True):
        meter.add(plane, winner.astype(np.uint8))
    probability = softmax(volume.astype(np.float64), axis=1)
    found = set(np.unique(won)) - {0}
    assert 7 not in found
    expected = {value: probability[:, value][won == value].mean() for value in found}
    assert meter.means() == pytest.approx(expected, rel=1e-6)


def test_logits_in_any_memory_order() -> None:
    plane = np.random.default_rng(1).normal(size=(6, 7, 4)).astype(np.float32)
    means = []
    for order in ("C", "F"):
        meter = ConfidenceMeter(6)
        meter.add(np.asarray(plane, order=order), plane.argmax(axis=0).astype(np.uint8))
        means.append(meter.means())
    assert means[0] == pytest.approx(means[1])


def test_large_logits_do_not_overflow() -> None:
    plane = np.array([-1e30, 1e4, 9e3], np.float32).reshape(3, 1, 1)
    meter = ConfidenceMeter(3)
    with np.errstate(over="raise", invalid="raise"):
        meter.add(plane, np.ones((1, 1), np.uint8))
    assert meter.means() == {1: 1.0}


def test_background_is_not_reported() -> None:
    meter = ConfidenceMeter(3)
    assert meter.means() == {}
    meter.add(np.ones((3, 4, 5), np.float32), np.zeros((4, 5), np.uint8))
    assert meter.means() == {}


def test_expected_dice_is_that_of_truths_drawn_from_the_probabilities() -> None:
    rng = np.random.default_rng(5)
    planes = rng.normal(0, 2, (6, 4, 40, 50)).astype(np.float32)
    meter = ConfidenceMeter(4)
    for plane in planes:
        meter.add(plane, plane.argmax(axis=0).astype(np.uint8))
    probability = softmax(planes.astype(np.float64), axis=1)
    labels = planes.argmax(axis=1)
    steps = probability.cumsum(axis=1)
    scores = []
    for _ in range(20):
        drawn = (rng.uniform(size=(6, 1, 40, 50)) > steps).sum(axis=1)
        both = [2 * np.sum((drawn == v) & (labels == v)) for v in (1, 2, 3)]
        sizes = [np.sum(drawn == v) + np.sum(labels == v) for v in (1, 2, 3)]
        scores.append(np.divide(both, sizes))
    mean = dict(enumerate(np.mean(scores, axis=0).tolist(), start=1))
    assert meter.expected_dice() == pytest.approx(mean, abs=0.01)


def test_a_certain_structure_has_an_expected_dice_of_one() -> None:
    plane = np.full((3, 4, 5), -30, np.float32)
    plane[0], plane[2, :2] = 0, 30
    meter = ConfidenceMeter(3)
    meter.add(plane, plane.argmax(axis=0).astype(np.uint8))
    assert meter.expected_dice() == pytest.approx({2: 1.0})


def test_a_structure_that_the_background_hides_in_part_loses_expected_dice() -> None:
    def expected(hidden: float) -> float:
        plane = np.zeros((2, 1, 20), np.float32)
        plane[1] = np.where(np.arange(20) < 10, 6, hidden)
        meter = ConfidenceMeter(2)
        meter.add(plane, plane.argmax(axis=0).astype(np.uint8))
        return meter.expected_dice()[1]

    assert expected(-0.1) < expected(-1) < expected(-3) < expected(-9)
