"""How far the volumes of a run are, and how long the rest of them will take."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amcnet.inference import Stage

LEAST_SECONDS = 0.1
"""Least time between two reports of one volume's stage."""

# Share of the time that each stage takes: the bundled model on a volume of 609 x 1023 x 512 voxels.
_SHARES = {
    Stage.READING: 0.1,
    Stage.NETWORK: 0.55,
    Stage.LABELLING: 0.2,
    Stage.CLEANING_UP: 0.02,
    Stage.CHECKING: 0.05,
    Stage.WRITING: 0.08,
}
_COUNTED = (Stage.NETWORK, Stage.LABELLING)
_LEAST_FRACTION = 0.15  # before it, an estimate of the time left says nothing


@dataclass(frozen=True)
class VolumeEvent:
    """Something that happens to a volume while it is segmented.

    Attributes:
        number: Which volume, from 1.
        volumes: How many there are.
        source: Its file.
        stage: What is being done.
        done: Steps of the stage that are done.
        total: All of its steps; 0 where nothing is counted.
        note: A sentence that people should read before the result is there; mostly empty.
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
    """How far a run is.

    Attributes:
        fraction: Of all volumes, in [0, 1]; it never falls.
        seconds_left: Estimate for all of them at the speed so far; None where none is possible.
    """

    fraction: float
    seconds_left: float | None


class RunProgressTracker:
    """Knows how far several volumes are, even where they are worked on side by side.

    Args:
        volumes: How many there are.
        clock: Returns seconds.
    """

    def __init__(self, volumes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._volumes, self._clock = max(1, volumes), clock
        self._began = clock()
        self._shares: dict[int, dict[Stage, float]] = {}
        self._complete: set[int] = set()
        self._fraction = 0.0
        self._lock = threading.Lock()

    def see(self, event: VolumeEvent) -> RunProgress:
        """Take an event and return how far the run is."""
        with self._lock:
            shares = self._shares.setdefault(event.number, {})
            for stage in _SHARES:  # what comes before a stage is done
                if stage == event.stage:
                    break
                shares[stage] = 1.0 if stage not in _COUNTED else shares.get(stage, 0.0)
            if event.stage in (Stage.CLEANING_UP, Stage.CHECKING, Stage.WRITING, Stage.REPORT):
                shares |= dict.fromkeys(_COUNTED, 1.0)
            if event.total:
                shares[event.stage] = event.done / event.total
            return self._progress()

    def end(self, number: int) -> RunProgress:
        """Take the end of a volume and return how far the run is."""
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
