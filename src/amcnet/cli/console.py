"""Printing for people: results on stdout, progress on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Update(Protocol):
    """Tells a progress bar how far things are."""

    def __call__(self, done: int, total: int, now: str = ...) -> None:
        """Set what is done, of how much, and what is going on."""


def stdout() -> "Console":
    """Return the console for results."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


@contextmanager
def progress(text: str) -> Iterator["Update"]:
    """Show a progress bar with the time left; yields a function (done, total[, text])."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, Elapsed(), Remaining(), console=Console(stderr=True)) as bar:
        task = bar.add_task(text, total=None)

        def update(done: int, total: int, now: str = text) -> None:
            bar.update(task, completed=done, total=total, description=now)

        yield update
