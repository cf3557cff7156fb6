import pytest

from amcnet.training import step_clock as clock
from amcnet.training.step_clock import StepClock


def test_share_of_waiting_leaves_pauses_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    watch = StepClock()

    def after(seconds: float) -> StepClock:
        now[0] += seconds
        return watch

    after(50).data_is_there()  # the first batch: nothing to compare with
    after(3).step_is_done()
    after(1).data_is_there()
    after(3).step_is_done()
    watch.pause()
    after(1000).data_is_there()
    after(3).step_is_done()
    assert watch.waiting_share() == pytest.approx(1 / 10)
    assert watch.waiting_share() == 0
    watch.earlier_seconds = 5
    assert watch.seconds == pytest.approx(1065)
