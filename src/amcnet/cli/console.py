"""Printing for people: results on stdout, progress on stderr."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Update(Protocol):
    """Updates a progress display."""

    def __call__(
        self, done: int, total: int, now: str = ..., seconds_left: float | None = ...
    ) -> None:
        """Set the steps that are done, all steps (0: not counted), and what is going on.

        ``seconds_left`` replaces the display's own estimate of the time left.
        """


def stdout() -> "Console":
    """Return the console for results."""
    from rich.console import Console

    class Results(Console):
        def on_broken_pipe(self) -> None:  # else Rich exits with status 1 without a word
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    return Results(highlight=False, soft_wrap=True, markup=False, emoji=False)


@contextmanager
def progress(text: str, quiet_seconds: float = 0.0) -> Iterator[Update]:
    """Show progress on stderr: a bar with the time left, or plain lines where it is no terminal.

    Args:
        text: What is going on.
        quiet_seconds: Time before plain lines that count nothing, so that an error is the only line
            of a command that fails at once.
    """
    if not sys.stderr.isatty():
        yield _Lines(text, quiet_seconds)
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
        TextColumn("{task.fields[left]}", markup=False),
        console=console,
        transient=True,
        speed_estimate_period=an_hour,
    ) as bar:
        task = bar.add_task(text, total=None, left="")

        def update(
            done: int, total: int, now: str = text, seconds_left: float | None = None
        ) -> None:
            left = "" if seconds_left is None else f"about {duration(seconds_left)} left"
            # Without a total the bar moves but counts nothing.
            bar.update(task, completed=done, total=total or None, description=now, left=left)

        yield update


class _Lines:
    """One line for every fifth of the work, or whenever something else begins."""

    def __init__(self, text: str, quiet_seconds: float) -> None:
        self._text = text
        self._quiet_until = time.monotonic() + quiet_seconds
        self._shown: tuple[str, int] | None = None
        self._began = (0.0, 0)

    def __call__(
        self, done: int, total: int, now: str | None = None, seconds_left: float | None = None
    ) -> None:
        text = self._text if now is None else now
        if self._shown is None or self._shown[0] != text:
            self._began = (time.monotonic(), done)
        state = (text, 5 * done // max(1, total))
        if state != self._shown and (total or time.monotonic() >= self._quiet_until):
            self._shown = state
            steps = f": {done} of {total}" if total else ""
            if seconds_left is None:
                seconds_left = self._seconds_left(done, total)
            left = f", about {duration(seconds_left)} left" if seconds_left >= 1 else ""
            sys.stderr.write(f"{text}{steps}{left}\n")
            sys.stderr.flush()

    def _seconds_left(self, done: int, total: int) -> float:
        """Return the time that is left at the speed so far, 0 where it says nothing."""
        began, done_before = self._began
        if not done_before < done < total:
            return 0.0
        return (time.monotonic() - began) / (done - done_before) * (total - done)


def duration(seconds: float) -> str:
    """Return a time span in words, as exact as an estimate deserves."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def interruptible() -> Iterator[None]:
    """End the process in one line on Ctrl-C, or on a signal that asks processes to end."""
    # Schedulers, containers and closed terminals send these signals: the command leaves as little
    # behind as after Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and threading.current_thread() is threading.main_thread():
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        leave_interrupted("interrupted")


def leave_interrupted(message: str) -> NoReturn:
    """End the process at once after Ctrl-C, with status 130, and leave no half-written file.

    Native code in other threads cannot be stopped, and a usual end would wait for it.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        with suppress(OSError, ValueError):  # closed, as the terminal may be
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.write(f"amcnet: {message}\n")
            sys.stderr.flush()
        if "amcnet.io.atomic_files" in sys.modules:  # else nothing is written yet
            from amcnet.io.atomic_files import abandon_temporaries

            abandon_temporaries()
    finally:
        os._exit(128 + signal.SIGINT)
