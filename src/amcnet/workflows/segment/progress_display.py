"""Progress of a run: events, completed fraction, and estimate of the remaining time."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amcnet.inference import Stage

LEAST_SECONDS = 0.1
"""Minimum time between two events of the same stage of a volume."""

# Fraction of the time per stage, for the bundled model and 609 x 1023 x 512 voxels.
_SHARES = {
    Stage.READING: 0.1,
    Stage.NETWORK: 0.55,
    Stage.LABELLING: 0.2,
    Stage.CLEANING_UP: 0.02,
    Stage.CHECKING: 0.05,
    Stage.WRITING: 0.08,
}
_COUNTED = (Stage.NETWORK, Stage.LABELLING)
_LEAST_FRACTION = 0.15  # below this, the estimate of the remaining time is meaningless


@dataclass(frozen=True)
class VolumeEvent:
    """A progress event of one volume.

    Attributes:
        number: Number of the volume in the run, from 1.
        volumes: Number of volumes.
        source: File of the volume.
        stage: Current stage.
        done: Completed steps of the stage.
        total: Number of steps of the stage; 0 if steps are not counted.
        note: A message for the user before the result is available; usually empty.
    """

    number: int
    volumes: int
    source: Path
    stage: Stage
    done: int = 0
    total: int = 0
    note: str = ""


Listener = Callable[[VolumeEvent], None]


def ignore_event(event: VolumeEvent) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class RunProgress:
    """Progress of a run.

    Attributes:
        fraction: Completed fraction of all volumes, in [0, 1]; never decreases.
        seconds_left: Estimated remaining time of the run; None if no estimate is possible.
    """

    fraction: float
    seconds_left: float | None


class RunProgressTracker:
    """Tracks the progress of a run, including volumes that are processed in parallel.

    Args:
        volumes: Number of volumes.
        clock: Returns the time in seconds.
    """

    def __init__(self, volumes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._volumes, self._clock = max(1, volumes), clock
        self._began = clock()
        self._shares: dict[int, dict[Stage, float]] = {}
        self._complete: set[int] = set()
        self._fraction = 0.0
        self._lock = threading.Lock()

    def see(self, event: VolumeEvent) -> RunProgress:
        """Process an event and return the progress of the run."""
        with self._lock:
            shares = self._shares.setdefault(event.number, {})
            for stage in _SHARES:  # earlier stages are complete
                if stage == event.stage:
                    break
                shares[stage] = 1.0 if stage not in _COUNTED else shares.get(stage, 0.0)
            if event.stage in (Stage.CLEANING_UP, Stage.CHECKING, Stage.WRITING, Stage.REPORT):
                shares |= dict.fromkeys(_COUNTED, 1.0)
            if event.total:
                shares[event.stage] = event.done / event.total
            return self._progress()

    def end(self, number: int) -> RunProgress:
        """Process the end of a volume and return the progress of the run."""
        with self._lock:
            self._complete.add(number)
            return self._progress()

    def _progress(self) -> RunProgress:
        running = sum(
            sum(_SHARES.get(stage, 0.0) * share for stage, share in shares.items())
            for number, shares in self._shares.items()
            if number not in self._complete
        )
        fraction = (len(self._complete) + running) / self._volumes
        self._fraction = min(1.0, max(self._fraction, fraction))
        if self._fraction * self._volumes < _LEAST_FRACTION:
            return RunProgress(round(self._fraction, 4), None)
        elapsed = self._clock() - self._began
        left = elapsed * (1 - self._fraction) / self._fraction
        return RunProgress(round(self._fraction, 4), round(left, 1))
