"""Printing for people: results on stdout, progress on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Update(Protocol):
    """Tells a progress display how far things are."""

    def __call__(self, done: int, total: int, now: str = ...) -> None:
        """Set what is done, of how much, and what is going on."""


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
    with Progress(*columns, Elapsed(), Remaining(), console=console, transient=True) as bar:
        task = bar.add_task(text, total=None)

        def update(done: int, total: int, now: str = text) -> None:
            bar.update(task, completed=done, total=total, description=now)

        yield update


class _Lines:
    """One line for every fifth of the work, or whenever something else begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown: tuple[str, int] | None = None

    def __call__(self, done: int, total: int, now: str | None = None) -> None:
        text = self._text if now is None else now
        state = (text, 5 * done // max(1, total))
        if state != self._shown:
            self._shown = state
            sys.stderr.write(f"{text}: {done} of {total}\n")
            sys.stderr.flush()
