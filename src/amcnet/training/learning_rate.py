"""The learning rate over a run, and when a run is over.

With a plateau, the rate stays constant until the curve of the held-out cases is flat, then falls to
0 (warm-up, stable, decay: Hägele et al., NeurIPS 2024), so that nobody needs to know the length of
a run in advance.
"""

import math
from collections.abc import Sequence
from itertools import accumulate

from amcnet.errors import ConfigError
from amcnet.training.history import EpochRow

GAIN = 0.005
"""A curve that gains no more Dice than this over its last quarter is flat."""

_LAST = 0.25
_FEWEST_POINTS = 10  # early in a run, a network may find no structure for some time
_FALL = 0.25  # steps of the decay, relative to those before it
_LIMIT = 0.8  # share of a run's steps or time after which the rate falls anyway


def flat_step(curve: Sequence[tuple[float, float]]) -> float | None:
    """Return the first step at which a held-out curve is flat; None if it is not.

    Args:
        curve: (step, Dice) of each validation, in order.

    Example:
        >>> rising = [(step, step / 3000) for step in range(200, 2200, 200)]
        >>> flat_step(rising) is None
        True
        >>> flat_step([*rising, (2200, 0.66), (2400, 0.66), (2600, 0.66), (2800, 0.66)])
        2800
    """
    # Called at every step of a run, so in one pass: the best Dice so far, after each validation.
    best = list(accumulate((dice for _, dice in curve), max))
    before = 0  # validations before the last quarter
    for index, (step, _) in enumerate(curve):
        while curve[before][0] <= (1 - _LAST) * step:
            before += 1
        if index + 1 >= _FEWEST_POINTS and before and 0 < best[index] <= best[before - 1] + GAIN:
            return step
    return None


class RateSchedule:
    """Learning rate and end of a run.

    Args:
        decay: ``cosine``, ``polynomial``, ``constant`` or ``plateau``, see
            :class:`amcnet.training.training_config.OptimiserConfig`.

    Example:
        >>> schedule = RateSchedule("cosine")
        >>> schedule.relative_rate(500, 0.5, []), schedule.completed(500, 0.5, [])
        (0.5, 0.5)
    """

    def __init__(self, decay: str) -> None:
        self.decay = decay

    def completed(self, step: int, share: float, history: Sequence[EpochRow]) -> float:
        """Return the completed fraction of the run, which jumps to 1 after a plateau's decay.

        Args:
            step: Completed steps.
            share: Completed fraction of the run's longest time and largest number of steps.
            history: Metrics of all epochs.
        """
        share = min(share, 1.0)
        return 1.0 if self.decay == "plateau" and _fallen(step, share, history) >= 1 else share

    def relative_rate(self, step: int, share: float, history: Sequence[EpochRow]) -> float:
        """Return the learning rate relative to the highest one, see :meth:`completed`."""
        share = min(share, 1.0)
        if self.decay == "polynomial":
            return math.pow(1 - share, 0.9)
        if self.decay == "constant":
            return 1.0
        fallen = _fallen(step, share, history) if self.decay == "plateau" else share
        return 0.5 * (1 + math.cos(math.pi * fallen))


def check_decay(decay: str, held_out: int) -> None:
    """Check that a run can use a decay.

    Raises:
        ConfigError: If it needs the curve of held-out cases, and there are none.
    """
    if decay == "plateau" and not held_out:
        raise ConfigError(
            "optimiser.decay: found 'plateau' without held-out cases, expected some of them or "
            "another decay"
        )


def _fallen(step: int, share: float, history: Sequence[EpochRow]) -> float:
    """Return the completed fraction of the decay after a plateau, 0 before it begins."""
    flat = flat_step([(row["step"], row["dice"]) for row in history if "dice" in row])
    by_limit = (share - _LIMIT) / (1 - _LIMIT)
    by_curve = 0.0 if flat is None else (step - flat) / (_FALL * flat)
    return min(1.0, max(0.0, by_limit, by_curve))
