"""Console output: results on stdout, progress on stderr."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from amcnet.cli.progress_update import Update, duration
from amcnet.errors import one_line, printable_lines

if TYPE_CHECKING:
    from rich.console import Console


def tell(message: str) -> None:
    """Print one line about a problem on stderr."""
    sys.stderr.write(f"amcnet: {one_line(message)}\n")
    sys.stderr.flush()


def stdout() -> "Console":
    """Return the console for results."""
    from rich.console import Console

    class Results(Console):
        def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401
            texts = (self.laid_out(o) if isinstance(o, str) else o for o in objects)
            super().print(*texts, **options)

        def laid_out(self, text: str) -> str:
            plain = printable_lines(text)
            if not self.is_terminal:  # other programs read a line for each result
                return plain
            from amcnet.text_layout import wrapped

            return "\n".join(
                part for line in plain.split("\n") for part in wrapped(line, self.width)
            )

        def on_broken_pipe(self) -> None:  # otherwise Rich exits with status 1 and no message
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    return Results(highlight=False, soft_wrap=True, markup=False, emoji=False)


@contextmanager
def progress(text: str, quiet_seconds: float = 0.0) -> Iterator[Update]:
    """Show progress on stderr: a bar with the remaining time, or plain lines without a terminal.

    Args:
        text: Description of the work.
        quiet_seconds: Delay of plain lines without a count, so that an immediate failure prints
            nothing but the error.
    """
    if not sys.stderr.isatty():
        yield _Lines(text, quiet_seconds)
        return
    from amcnet.cli.progress_bar import progress_bar

    with progress_bar(text) as update:
        yield update


class _Lines:
    """Prints one line for every fifth of the work, or when the description changes."""

    def __init__(self, text: str, quiet_seconds: float) -> None:
        self._text = text
        self._quiet_until = time.monotonic() + quiet_seconds
        self._shown: tuple[str, int] | None = None
        self._began = (0.0, 0)

    def __call__(
        self, done: int, total: int, now: str | None = None, seconds_left: float | None = None
    ) -> None:
        text = one_line(self._text if now is None else now)
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
        """Return the estimated remaining time in seconds, or 0 if there is no estimate."""
        began, done_before = self._began
        if not done_before < done < total:
            return 0.0
        return (time.monotonic() - began) / (done - done_before) * (total - done)


@contextmanager
def interruptible() -> Iterator[None]:
    """End the process with one line on Ctrl-C or a termination signal."""
    # Schedulers, containers and closed terminals send these signals; they are handled like Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and threading.current_thread() is threading.main_thread():
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        leave_interrupted("interrupted")


def leave_interrupted(message: str) -> NoReturn:
    """End the process immediately after Ctrl-C with status 130, without partial files.

    A normal exit would wait for native code in other threads, which cannot be stopped.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        with suppress(OSError, ValueError):  # the terminal may be closed
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.write(f"amcnet: {message}\n")
            sys.stderr.flush()
        if "amcnet.io.atomic_files" in sys.modules:  # otherwise nothing is written yet
            from amcnet.io.atomic_files import abandon_temporaries

            abandon_temporaries()
    finally:
        os._exit(128 + signal.SIGINT)
