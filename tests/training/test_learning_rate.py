import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.errors import ConfigError
from amcnet.training import read_config, train
from amcnet.training.history import EpochRow
from amcnet.training.learning_rate import RateSchedule, check_decay, flat_step

from .conftest import read_history


def rising_then_flat(rises: int, flat: int) -> list[EpochRow]:
    """Dice rises by 0.02 in each epoch of 100 steps, then not at all."""
    return [{"step": 100.0 * n, "dice": 0.02 * min(n, rises)} for n in range(1, rises + flat + 1)]


def curve(history: list[EpochRow]) -> list[tuple[float, float]]:
    return [(row["step"], row["dice"]) for row in history]


def test_a_curve_is_flat_when_its_last_quarter_gained_nothing() -> None:
    # 18 epochs rise; at epoch n, the first three quarters end at 0.75 n, which is 18 for n = 24.
    assert flat_step(curve(rising_then_flat(18, 5))) is None
    assert flat_step(curve(rising_then_flat(18, 6))) == 2400
    assert flat_step(curve(rising_then_flat(18, 60))) == 2400


def test_a_network_that_finds_nothing_yet_is_not_done() -> None:
    assert flat_step([(100.0 * n, 0.0) for n in range(1, 100)]) is None


def test_the_rate_falls_within_a_quarter_after_the_plateau() -> None:
    history, schedule = rising_then_flat(18, 6), RateSchedule("plateau")
    assert schedule.relative_rate(2300, 0.2, history[:-1]) == 1
    assert schedule.relative_rate(2400, 0.2, history) == 1
    assert schedule.relative_rate(2700, 0.2, history) == pytest.approx(0.5)
    assert schedule.completed(2999, 0.2, history) == 0.2
    assert schedule.relative_rate(3000, 0.2, history) == pytest.approx(0)
    assert schedule.completed(3000, 0.2, history) == 1


def test_the_rate_falls_at_the_end_of_the_time_without_a_plateau() -> None:
    schedule = RateSchedule("plateau")
    assert schedule.relative_rate(500, 0.8, []) == 1
    assert schedule.relative_rate(500, 0.9, []) == pytest.approx(0.5)
    assert schedule.relative_rate(500, 1.0, []) == pytest.approx(0)
    assert schedule.completed(500, 1.2, []) == 1


@given(
    st.sampled_from(["cosine", "polynomial", "plateau"]),
    st.lists(st.floats(0, 1), min_size=2, max_size=9),
)
def test_rates_never_rise(decay: str, shares: list[float]) -> None:
    schedule = RateSchedule(decay)
    rates = [schedule.relative_rate(100, share, []) for share in sorted(shares)]
    assert rates == sorted(rates, reverse=True)
    assert all(0 <= rate <= 1 for rate in rates)


def test_known_decays() -> None:
    assert RateSchedule("constant").relative_rate(9, 0.9, []) == 1
    assert RateSchedule("polynomial").relative_rate(9, 0.9, []) == pytest.approx(0.1**0.9)
    half = RateSchedule("cosine").relative_rate(1, 1 / 3, [])
    assert half == pytest.approx(math.cos(math.pi / 6) ** 2)


def test_a_plateau_needs_held_out_cases() -> None:
    check_decay("cosine", 0)
    check_decay("plateau", 1)
    with pytest.raises(ConfigError, match="'plateau' without held-out cases"):
        check_decay("plateau", 0)


@pytest.mark.slow
def test_a_run_ends_by_itself(tmp_path: Path, write_config: Callable[..., Path]) -> None:
    replaced = {"steps_per_epoch = 10": "steps_per_epoch = 2"}
    config = read_config(write_config(5000, replaced, 'decay = "plateau"'))
    steps = train(config, tmp_path / "run").description.provenance.steps
    rows = read_history(tmp_path / "run" / "metrics.csv")
    known = [(row["step"], row["dice"]) for row in rows]
    flat = flat_step(known)
    assert flat is not None
    assert steps == math.ceil(1.25 * flat)
    assert rows[-1]["learning_rate"] < 0.1 * rows[0]["learning_rate"]
