import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from amcnet.training import pace, read_config, train
from amcnet.training.pace import PaceReport, TrainingPace


def test_steps_that_fit_into_the_time() -> None:
    assert TrainingPace(90.0, 20_000, 17 * 60).possible_steps == 11
    assert TrainingPace(0.1, 50, 3600).possible_steps == 50
    assert (
        TrainingPace(6.0, 100, None).text()
        == "6.00 s a step: the remaining 100 steps take about 10 min"
    )


def test_a_run_that_is_too_slow_says_what_to_change(
    tmp_path: Path,
    write_config: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "_STEPS", 1)  # ten of them may take longer than the run here
    path = write_config(5000, {"steps = 5000": "steps = 5000\nmax_hours = 0.0012"})
    with caplog.at_level(logging.INFO):
        train(read_config(path), tmp_path / "run")
    assert " s a step: the remaining 0 min allow about " in caplog.text
    assert "precision" not in caplog.text.partition("too few")[2]
    assert "steps are too few to learn much" in caplog.text
    assert "network.width (now 4)" in caplog.text
    log = (tmp_path / "run" / "run.log").read_text()
    assert "in float32: set in the configuration" in log


def test_the_advice_names_what_can_be_changed(write_config: Callable[..., Path]) -> None:
    """A model to start from brings its width and its grid."""
    config = read_config(write_config(5000))
    slow = TrainingPace(60.0, 5000, 600.0)
    assert "network.width (now 4)" in PaceReport(config).advice(slow)
    starts = config.model_copy(update={"start_from": "hand"})
    text = PaceReport(starts).advice(slow)
    assert "10 steps are too few to learn much" in text
    assert "sampling.crop_probability, now 0, and sampling.smallest_crop, now 0.6" in text
    assert "width" not in text
