"""End a run on Ctrl-C, SIGTERM or SIGHUP after finishing and saving the current step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGHUP does not exist on Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class RunStopped(SystemExit):
    """Ends the program because of a signal, with the usual status of 128 + its number."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number
        self.signal_name = signal.Signals(number).name


class Interruption:
    """Defers a signal to the end of the current step; outside a step, ends the program immediately.

    Attributes:
        in_step: Whether a training step is running.
        number: The signal that arrived during the step, 0 for none.
    """

    def __init__(self) -> None:
        self.in_step = False
        self.number = 0

    def install(self) -> None:
        """Start handling the signals, except those that the process ignores (nohup)."""
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may set handlers
        for number in _present():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.in_step or self.number:
            raise RunStopped(number)
        self.number = number


@contextmanager
def handled_signals() -> Iterator[Interruption]:
    """Handle the signals within the block.

    Raises:
        KeyboardInterrupt: After Ctrl-C. Only the block sees a :class:`RunStopped`, since Lightning
            turns an interrupt from the keyboard into exit status 1.
    """
    interruption = Interruption()
    before = {number: signal.getsignal(number) for number in _present()}
    interruption.install()
    try:
        yield interruption
    except RunStopped as error:
        if error.number == signal.SIGINT:
            raise KeyboardInterrupt from error
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _present() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _NAMES if hasattr(signal, name)]
