"""Detect the end of the parent process."""

import os
import threading
import time

import psutil

_STEP_SECONDS = 1.0


class ParentProcess:
    """The parent process at the time of construction."""

    def __init__(self) -> None:
        self._pid = os.getppid()
        try:
            self._process: psutil.Process | None = psutil.Process(self._pid)
        except psutil.Error:  # no parent, or the system does not show it
            self._process = None

    def has_ended(self) -> bool:
        """Return whether the parent process has ended, for any reason."""
        # POSIX assigns orphans a new parent immediately; Windows keeps the old process ID.
        return os.getppid() != self._pid or (
            self._process is not None and not self._process.is_running()
        )


def end_with_parent() -> None:
    """End this process within a second after its parent, however that ended.

    For processes that wait for their parent without end, such as those of a distributed training.
    """
    parent = ParentProcess()

    def watch() -> None:
        while not parent.has_ended():
            time.sleep(_STEP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
