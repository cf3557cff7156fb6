"""Time limit of each stage of a run, and the sizes that it works on."""

import time
from dataclasses import dataclass

from amcnet.phantom.grids import HALF_GRID, NETWORK_GRID, PhantomGrid


@dataclass(frozen=True)
class Plan:
    """Sizes and times of a run.

    Attributes:
        seconds: Time of the whole run; unused time of a stage goes to the following stages.
        shares: Stage -> its share of that time.
        half_grid: Grid of the hands for both stages of the hand model.
        hands: Number of these hands for training.
        held_out: Number of these hands for evaluation.
        wide_grid: Grid of the hands for the wide network.
        wide_hands: Number of these hands for training.
        unseen: Number of these hands for evaluation.
        width: Channels of the wide network's first stage.
        slices: Slices of its windows.
        volume: Voxels of the volume that is timed from array to labels.
        batch: Hands in a batch of the first stage.
        patches: Patches in a batch of the refiner.
        workers: Processes that make hands, and later patches.
        save_seconds: Time between two copies of the weights on disk.
    """

    seconds: float
    shares: dict[str, float]
    half_grid: PhantomGrid
    hands: int
    held_out: int
    wide_grid: PhantomGrid
    wide_hands: int
    unseen: int
    width: int
    slices: int
    volume: tuple[int, int, int]
    batch: int
    patches: int
    workers: int
    save_seconds: float = 30.0


_SHARES = {
    "speed": 0.06,
    "first stage": 0.33,
    "refiner": 0.17,
    "wide network": 0.34,
    "wide network, judged": 0.1,
}

FULL = Plan(
    seconds=520,
    shares=_SHARES,
    half_grid=HALF_GRID,
    hands=200,
    held_out=6,
    wide_grid=NETWORK_GRID,
    wide_hands=20,
    unseen=6,
    width=64,
    slices=16,
    volume=(609, 1023, 512),
    batch=4,
    patches=16,
    workers=15,
)

REHEARSAL = Plan(
    seconds=60,
    shares=_SHARES,
    half_grid=PhantomGrid((51, 43, 32), (3.33, 3.1, 1.41)),
    hands=2,
    held_out=1,
    wide_grid=PhantomGrid((48, 40, 32), (3.5, 3.3, 1.41)),
    wide_hands=1,
    unseen=1,
    width=2,
    slices=4,
    volume=(48, 40, 32),
    batch=1,
    patches=2,
    workers=1,
    save_seconds=2.0,
)


class Clock:
    """Tells a stage when its time is over.

    Args:
        plan: The times.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began = time.monotonic()
        self._todo = dict(plan.shares)
        self._ends = self._began

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return time.monotonic() - self._began

    def begin(self, stage: str) -> float:
        """Start a stage and return its time in seconds: its share of the remaining time."""
        left = max(0.0, self._plan.seconds - self.elapsed)
        seconds = left * self._todo[stage] / sum(self._todo.values())
        del self._todo[stage]
        self._ends = time.monotonic() + seconds
        return seconds

    @property
    def left(self) -> float:
        """Remaining seconds of the stage."""
        return max(0.0, self._ends - time.monotonic())
