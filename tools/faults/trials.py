"""One command, interrupted at each call that writes."""

import ctypes
import errno
import os
import shutil
import signal
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from amcnet.errors import TRACEBACK_VARIABLE
from tools.faults.cases import Case, refill
from tools.faults.digests import digests
from tools.faults.promise import Ended, Promise
from tools.faults.surroundings import Beside, Surroundings

LOST = -1  # reported as written, but not stored
FAULTS = {
    "ENOSPC": (errno.ENOSPC, False),
    "full disk": (errno.ENOSPC, True),  # stays full
    "EIO": (errno.EIO, False),
    "EROFS": (errno.EROFS, True),
    "lost": (LOST, False),
    "killed": (0, False),
}
SHARED = "AMCNET_FAULTS_SHARED"
_LIMIT_S = 300
_WITHOUT_OVERWRITE = (
    "prepare",
    "phantom",
    "dataset",
    "demo",
    "paper-tables",
    "serve",
    "view",
)


@dataclass(frozen=True)
class Fault:
    """What happens at which call that writes.

    Attributes:
        call: The call, from 1 on, of those that write data for :data:`LOST`; -1 for none.
        error: The error that it returns, 0 to kill the process instead, :data:`LOST` to write
            nothing and return success.
        stays: Whether all later calls fail too.
    """

    call: int = -1
    error: int = 0
    stays: bool = False


CALM = Fault()


@dataclass(frozen=True)
class Command:
    """A command line of a case, and the folders it works in."""

    case: Case
    arguments: tuple[str, ...]
    inputs: Path
    out: Path
    folder: Path

    @property
    def said(self) -> Path:
        """The file of everything that it prints."""
        return self.folder / "stderr.txt"


@dataclass
class Tally:
    """What came of all trials of a command.

    Attributes:
        name: The command.
        calls: Calls that write in an undisturbed run.
        stride: Every how manieth of them was tried.
        trials: Number of trials by fault.
        failures: Number of broken promises by fault.
        broken: A sentence for each of them.
    """

    name: str
    calls: int
    stride: int
    trials: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the figures for a results file."""
        return {
            "command": self.name,
            "calls": self.calls,
            "stride": self.stride,
            "trials": dict(self.trials),
            "failures": dict(self.failures),
            "broken": self.broken,
        }


def run_case(case: Case, inputs: Path, folder: Path, most: int, faults: Sequence[str]) -> Tally:
    """Interrupt a command at up to ``most`` of its calls that write, by each of the faults."""
    out, template = folder / "out", folder / "before"
    template.mkdir()

    def command(arguments: tuple[str, ...], fault: Fault = CALM) -> Ended:
        return run(Command(case, arguments, inputs, out, folder), fault)

    refill(template, out)
    if case.makes_old:
        command(case.makes_old)
        refill(out, template)
    old = digests(out, case)
    calm = command(case.arguments)
    new = digests(out, case)
    tally = Tally(case.name, calm.calls, ceil(calm.calls / min(most, case.most)))
    if calm.status != 0 or None in new.values():
        tally.broken.append(f"{case.name}: undisturbed: status {calm.status}: {calm.stderr}")
    else:
        promise = Promise(case, out, old, new)
        for name in faults:
            number, sticky = FAULTS[name]
            calls = calm.data_calls if number == LOST else calm.calls
            for call in range(1, calls + 1, ceil(calls / min(most, case.most))):
                refill(template, out)
                ended = command(case.arguments, Fault(call, number, sticky))
                problems = promise.broken_by(ended, number)
                problems += promise.broken_again(command(_next_run(case, out)))
                tally.trials[name] += 1
                tally.failures[name] += bool(problems)
                tally.broken += [f"{case.name}: {name} at call {call}: {p}" for p in problems]
    shutil.rmtree(template)
    return tally


def _next_run(case: Case, out: Path) -> tuple[str, ...]:
    """Return the arguments of the next run: it may find the complete output of the one before."""
    if case.arguments[0] == "train":
        resumes = (out / "run" / "checkpoints" / "last.ckpt").exists()
        return (*case.arguments, "--resume") if resumes else case.arguments
    resumed = case.arguments[0] in _WITHOUT_OVERWRITE or "score" in case.arguments
    if resumed or "--overwrite" in case.arguments:
        return case.arguments
    return (*case.arguments, "--overwrite")


def in_child(work: Callable[[], None]) -> None:
    """Work in a child, so that this process stays free of threads and can be forked again."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise RuntimeError("the inputs could not be made")


def run(command: Command, fault: Fault) -> Ended:
    """Run ``amcnet`` in a child of this process, which has the heavy modules loaded already."""
    counted = command.folder / "calls.txt"
    surroundings = Surroundings(command.inputs, command.out, _free_port())
    command.said.write_text("")
    child = os.fork()
    if child == 0:
        _become(command, fault, surroundings, counted)
    beside = Beside(**vars(surroundings), process=child, said=command.said)
    companion = _companion(command.case, beside)
    _, status = os.waitpid(child, 0)
    if companion is not None:
        os.waitpid(companion, 0)
    counts = counted.read_text().split() if counted.exists() else []
    calls, data_calls = map(int, counts or (0, 0))
    counted.unlink(missing_ok=True)
    said = command.said.read_text(errors="replace")
    return Ended(os.waitstatus_to_exitcode(status), said, calls, data_calls)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _companion(case: Case, beside: Beside) -> int | None:
    """Start what runs beside a command; return its process, which ends after the command."""
    if case.beside is None:
        return None
    process = os.fork()
    if process == 0:
        try:
            case.beside(beside)
        except BaseException:
            with beside.said.open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            os.kill(beside.process, signal.SIGKILL)
        os._exit(0)
    return process


def _become(command: Command, fault: Fault, surroundings: Surroundings, counted: Path) -> None:
    """Turn this child into the command; never returns."""
    if command.case.processes:
        _share_calls(command.folder / "plan.bin")
    library = ctypes.CDLL(os.environ["AMCNET_FAULTS_LIBRARY"])
    signal.alarm(_LIMIT_S)
    status = 70
    try:
        stream = os.open(command.said, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        if command.case.before is not None:
            command.case.before(surroundings)
        sys.argv = ["amcnet", *(surroundings.filled(text) for text in command.arguments)]
        os.environ[TRACEBACK_VARIABLE] = "1"  # what nobody foresaw must not look like an answer
        for name, value in command.case.environment.items():
            os.environ[name] = surroundings.filled(value)
        from amcnet.cli.main import main

        out = os.fsencode(command.out)
        library.fault_arm(out, ctypes.c_long(fault.call), fault.error, int(fault.stays))
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        counted.write_text(f"{library.fault_count()} {library.fault_data_count()}")
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _share_calls(path: Path) -> None:
    """Let this process and its children have one plan, which the preloaded library maps."""
    library = ctypes.CDLL(os.environ["AMCNET_FAULTS_LIBRARY"])
    library.fault_plan_bytes.restype = ctypes.c_long
    path.write_bytes(bytes(library.fault_plan_bytes()))
    os.environ[SHARED] = str(path)
    library.fault_share()
