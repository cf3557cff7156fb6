"""One child process: its output line by line, its log, its end, and how to stop it."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import qt

from .processes import ask_to_end, force_to_end, process_tree, wait_until_gone

_LOG_LINES = 60
_SECONDS_TO_END = 3.0


def do_nothing(_: str) -> None:
    """Ignore a line."""


@dataclass(frozen=True)
class Command:
    """A program with its arguments and environment.

    Attributes:
        program: The executable.
        arguments: Its arguments.
        environment: All environment variables.
    """

    program: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


class Runner:
    """Run one command at a time while the application's event loop continues.

    Attributes:
        log: The last lines that the process wrote to stderr.
    """

    def __init__(self) -> None:
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self._process: Any = None
        self._on_line: Callable[[str], None] = do_nothing
        self._on_log: Callable[[str], None] = do_nothing
        self._on_end: Callable[[int], None]
        self._rest = {"out": b"", "err": b""}

    @property
    def is_running(self) -> bool:
        """Whether a process is running."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """ID of the process, 0 if none is running."""
        return int(self._process.processId()) if self.is_running else 0

    def start(
        self,
        command: Command,
        on_end: Callable[[int], None],
        on_line: Callable[[str], None] = do_nothing,
        on_log: Callable[[str], None] = do_nothing,
    ) -> None:
        """Start a command.

        Args:
            command: The command.
            on_end: Called once with the exit status, -1 if it crashed or could not be started.
            on_line: Called with every line on stdout.
            on_log: Called with every line on stderr.
        """
        if self.is_running:
            raise RuntimeError("a process is running, expected none")
        self.log.clear()
        self._rest = {"out": b"", "err": b""}
        self._on_line, self._on_log, self._on_end = on_line, on_log, on_end
        variables = qt.QProcessEnvironment()
        for name, value in command.environment.items():
            variables.insert(name, value)
        process = self._process = qt.QProcess()
        process.setProcessEnvironment(variables)
        process.readyReadStandardOutput.connect(self._read_out)
        process.readyReadStandardError.connect(self._read_err)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._failed)
        process.start(command.program, list(command.arguments))

    def cancel(self) -> None:
        """End the process and all its descendants, without calling ``on_end``."""
        process, self._process = self._process, None
        if process is None:
            return
        pid = int(process.processId())
        if pid:
            pids = process_tree(pid)
            ask_to_end(pids)
            process.waitForFinished(int(_SECONDS_TO_END * 1000))
            if not wait_until_gone(pids, _SECONDS_TO_END):
                force_to_end(pids)
                process.waitForFinished(int(_SECONDS_TO_END * 1000))
        process.deleteLater()

    def ask_to_end(self) -> None:
        """Ask the process to end by itself, which calls ``on_end``; on Windows, force it."""
        if self.pid:
            ask_to_end(process_tree(self.pid))

    def _read_out(self) -> None:
        if self._process is not None:
            self._take("out", self._process.readAllStandardOutput(), self._on_line)

    def _read_err(self) -> None:
        if self._process is not None:
            self._take("err", self._process.readAllStandardError(), self._log_line)

    def _take(self, name: str, new: Any, use: Callable[[str], None]) -> None:  # noqa: ANN401
        *lines, self._rest[name] = (self._rest[name] + bytes(new.data())).split(b"\n")
        for line in lines:
            use(line.decode("utf-8", "replace").rstrip("\r"))

    def _log_line(self, line: str) -> None:
        self.log.append(line)
        self._on_log(line)

    def _failed(self, error: object, *_: object) -> None:
        # This is the only error that is not followed by the signal ``finished``.
        if self._process is not None and error == qt.QProcess.FailedToStart:
            self.log.append(f"could not be started: {self._process.errorString()}")
            self._finish(-1)

    def _ended(self, *_: object) -> None:
        process = self._process
        if process is None:  # cancelled
            return
        self._read_out()
        self._read_err()
        if self._rest["err"]:
            self._log_line(self._rest["err"].decode("utf-8", "replace"))
        is_normal = process.exitStatus() == qt.QProcess.NormalExit
        self._finish(int(process.exitCode()) if is_normal else -1)

    def _finish(self, status: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        self._on_end(status)


def parse_event(line: str) -> dict[str, Any]:
    """Parse a line of ``amcnet segment --progress json``; return {} for any other line."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and "event" in event else {}
