"""Time spent on steps and on waiting for data."""

import time


class StepClock:
    """Measures the time of a run and the share spent waiting for data.

    Waiting is the time between the end of a step and the start of the next: reading windows,
    transferring and augmenting them. Validation and checkpoints are excluded.
    """

    def __init__(self) -> None:
        self.earlier_seconds = 0.0
        self._began = time.monotonic()
        self._mark: float | None = None
        self._waited = 0.0
        self._worked = 0.0

    @property
    def seconds(self) -> float:
        """Training time, including earlier runs before resuming."""
        return self.earlier_seconds + time.monotonic() - self._began

    def start(self) -> None:
        """Start counting."""
        self._began = time.monotonic()

    def data_is_there(self) -> None:
        """Note that a batch is ready."""
        now = time.monotonic()
        if self._mark is not None:
            self._waited += now - self._mark
        self._mark = now

    def step_is_done(self) -> None:
        """Note that a step has ended; the wait for the next batch begins."""
        now = time.monotonic()
        if self._mark is not None:
            self._worked += now - self._mark
        self._mark = now

    def pause(self) -> None:
        """Exclude the time until the next batch is ready."""
        self._mark = None

    def waiting_share(self) -> float:
        """Return the share of time spent waiting since the last call."""
        total = self._waited + self._worked
        share = self._waited / total if total else 0.0
        self._waited = self._worked = 0.0
        return share
