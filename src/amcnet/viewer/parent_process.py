"""Noticing that the process that started this one has ended."""

import os

import psutil


class ParentProcess:
    """The process that started this one, as it was when this object was made."""

    def __init__(self) -> None:
        self._pid = os.getppid()
        try:
            self._process: psutil.Process | None = psutil.Process(self._pid)
        except psutil.Error:  # there is none, or this system does not show it
            self._process = None

    def has_ended(self) -> bool:
        """Return whether the parent has ended, however it ended."""
        # POSIX gives orphans another parent at once; Windows keeps the number of the old one.
        return os.getppid() != self._pid or (
            self._process is not None and not self._process.is_running()
        )
