import pytest


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take hundreds of bootstrap intervals in little time; those of 9999 are tested elsewhere."""
    monkeypatch.setattr("amcnet.metrics.statistics.RESAMPLES", 199)
