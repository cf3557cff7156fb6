"""The progress bar on a terminal: one line that fits, with the stage and the remaining time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.text import Text

from amcnet.cli.progress_update import Update, duration
from amcnet.errors import one_line
from amcnet.text_layout import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

_BAR_WIDTH = 12
_GAPS = 4
# Steps on which Rich bases its estimate: it needs two, and one may take minutes.
_ESTIMATE_SECONDS = 3600.0


class _Steps(ProgressColumn):
    """The completed steps; empty where they are not counted."""

    def render(self, task: Task) -> Text:
        counted = f"{task.completed:.0f}/{task.total:.0f}" if task.total else ""
        return Text(counted, style="progress.download")


class _Left(ProgressColumn):
    """The remaining time; the elapsed time where no estimate is possible."""

    max_refresh = None

    def render(self, task: Task) -> Text:
        return Text(_time_text(task), style="progress.remaining")


class _Description(ProgressColumn):
    """What is done: the file's name is shortened so that the stage stays readable."""

    def __init__(self, width: "Callable[[Task], int]") -> None:
        super().__init__()
        self._width = width

    def render(self, task: Task) -> Text:
        name, colon, stage = task.description.rpartition(": ")
        room = self._width(task) - len(colon) - len(stage)
        if not colon or room < 2:
            return Text(shortened(task.description, max(1, self._width(task))))
        return Text(shortened(name, room) + colon + stage)


def _time_text(task: Task) -> str:
    at = task.fields["ends_at"]
    left = at - time.monotonic() if at is not None else task.time_remaining
    if left is not None and left >= 1:
        return f"about {duration(left)} left"
    return f"{duration(task.elapsed or 0.0)} so far"


@contextmanager
def progress_bar(text: str, console: Console | None = None) -> Iterator[Update]:
    """Show a progress bar until the block ends.

    Args:
        text: Description of the work.
        console: The terminal [default: stderr].
    """
    terminal = Console(stderr=True) if console is None else console
    steps = _Steps()

    def room(task: Task) -> int:
        others = _BAR_WIDTH + len(steps.render(task)) + len(_time_text(task)) + _GAPS
        return terminal.width - others

    with Progress(
        _Description(room),
        BarColumn(_BAR_WIDTH),
        steps,
        _Left(),
        console=terminal,
        transient=True,
        speed_estimate_period=_ESTIMATE_SECONDS,
    ) as bar:
        task = bar.add_task(one_line(text), total=None, ends_at=None)

        def update(
            done: int, total: int, now: str = text, seconds_left: float | None = None
        ) -> None:
            # Without a total, the bar only pulses.
            ends_at = None if seconds_left is None else time.monotonic() + seconds_left
            bar.update(
                task,
                completed=done,
                total=total or None,
                description=one_line(now),
                ends_at=ends_at,
            )

        yield update
