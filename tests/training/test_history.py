import csv
import itertools

import numpy as np
from PIL import Image

from amcnet.training.history import LossCurve, write_curves, write_history

from .conftest import read_history

HISTORY = [
    {"step": 10.0, "loss": 3.0, "dice": 0.25, "learning_rate": 1e-3, "data_wait": 0.5},
    {"step": 20.0, "loss": 2.5, "learning_rate": 1e-4, "data_wait": 0.25},
]


def test_figures_round_trip_and_missing_ones_stay_missing(tmp_path):
    path = tmp_path / "metrics.csv"
    write_history(HISTORY, path)
    assert read_history(path) == HISTORY
    with path.open(newline="") as file:
        assert [row["dice"] for row in csv.DictReader(file)] == ["0.25", ""]


def test_curves_are_drawn_even_without_a_validation(tmp_path):
    losses = LossCurve()
    for step in range(1, 21):
        losses.add(step, 5 / step)
    for name, history in (("all", HISTORY), ("one", HISTORY[1:])):
        write_curves(history, tmp_path / f"{name}.png", losses)
    with Image.open(tmp_path / "all.png") as picture, Image.open(tmp_path / "one.png") as other:
        assert picture.size == other.size == (1080, 720)
        assert picture.tobytes() != other.tobytes()


def test_a_short_run_keeps_every_loss_and_a_long_one_their_means():
    curve = LossCurve(most=8)
    for step in range(1, 8):
        curve.add(step, float(step))
    assert curve.points == [(step, float(step)) for step in range(1, 8)]
    again = LossCurve(most=8)
    for step in range(1, 101):
        again.add(step, float(step))
        if step == 50:  # a run that is resumed
            state, again = again.state(), LossCurve(most=8)
            again.restore(state)
    assert len(again.points) < 8
    for (before, _), (last, mean) in itertools.pairwise([(0, 0.0), *again.points]):
        assert mean == np.mean(range(before + 1, last + 1))
