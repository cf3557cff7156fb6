"""Printing for people: results on stdout, progress on stderr."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Update(Protocol):
    """Tells a progress display how far things are."""

    def __call__(self, done: int, total: int, now: str = ...) -> None:
        """Set what is done, of how much, and what is going on."""


class Relay:
    """Passes on how far things are to whatever display there is at the moment."""

    update: Update

    def __call__(self, done: int, total: int, now: str) -> None:
        """Tell the display."""
        self.update(done, total, now)


def stdout() -> "Console":
    """Return the console for results."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


@contextmanager
def progress(text: str) -> Iterator[Update]:
    """Show progress on stderr: a bar with the time left, or plain lines where it is no terminal."""
    if not sys.stderr.isatty():
        yield _Lines(text)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    an_hour = 3600.0  # steps that rich estimates from: it needs two, and one may take minutes
    with Progress(
        *columns,
        Elapsed(),
        Remaining(),
        console=console,
        transient=True,
        speed_estimate_period=an_hour,
    ) as bar:
        task = bar.add_task(text, total=None)

        def update(done: int, total: int, now: str = text) -> None:
            bar.update(task, completed=done, total=total, description=now)

        yield update


class _Lines:
    """One line for every fifth of the work, or whenever something else begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown: tuple[str, int] | None = None
        self._began = (0.0, 0)

    def __call__(self, done: int, total: int, now: str | None = None) -> None:
        text = self._text if now is None else now
        if self._shown is None or self._shown[0] != text:
            self._began = (time.monotonic(), done)
        state = (text, 5 * done // max(1, total))
        if state != self._shown:
            self._shown = state
            sys.stderr.write(f"{text}: {done} of {total}{self._time_left(done, total)}\n")
            sys.stderr.flush()

    def _time_left(self, done: int, total: int) -> str:
        """Return the time that is left at the speed so far, empty where it says nothing."""
        began, done_before = self._began
        if not done_before < done < total:
            return ""
        seconds = (time.monotonic() - began) / (done - done_before) * (total - done)
        return f", about {duration(seconds)} left" if seconds >= 1 else ""


def duration(seconds: float) -> str:
    """Return a time span in words, as exact as an estimate deserves."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def leave_interrupted(message: str) -> NoReturn:
    """End the process at once after Ctrl-C, with status 130, and leave no half-written file.

    Native code in other threads cannot be stopped, and a usual end would wait for it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sys.stdout.flush()
        sys.stderr.write(f"amcnet: {message}\n")
        sys.stderr.flush()
    finally:
        if "amcnet.io.atomic_files" in sys.modules:  # else nothing is written yet
            from amcnet.io.atomic_files import abandon_temporaries

            abandon_temporaries()
        os._exit(128 + signal.SIGINT)
