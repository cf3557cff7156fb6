"""Detect the end of the parent process."""

import os

import psutil


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
