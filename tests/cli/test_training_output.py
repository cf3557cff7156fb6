import pytest

from amcnet.cli.training_output import hours_of
from amcnet.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "hours"),
    [("8h", 8), ("90m", 1.5), ("1h30m", 1.5), ("45s", 0.0125), ("0.5h", 0.5), ("1H 30M", None)],
)
def test_times(text: str, hours: float | None) -> None:
    if hours is None:
        with pytest.raises(ConfigError, match="expected a time such as 8h"):
            hours_of(text)
    else:
        assert hours_of(text) == pytest.approx(hours)


@pytest.mark.parametrize("text", ["", "h", "8", "0h", "-1h", "eight", "1m1h", "9" * 400 + "h"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match=f"found '{text}', expected a time"):
        hours_of(text)
