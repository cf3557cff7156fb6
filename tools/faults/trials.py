"""One command, interrupted at each call that writes."""

import ctypes
import errno
import json
import os
import shutil
import signal
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from amcnet.errors import TRACEBACK_VARIABLE
from tools.faults.cases import Case, refill
from tools.faults.digests import digests
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
_KEPT = (".lock", ".gitignore")
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

    def to_json(self) -> dict[str, object]:
        """Return the figures for a results file."""
        return {
            "command": self.name,
            "calls": self.calls,
            "stride": self.stride,
            "trials": dict(self.trials),
            "failures": dict(self.failures),
            "broken": self.broken,
        }


@dataclass(frozen=True)
class Ended:
    """How a process ended, what it wrote on stderr, and how many calls wrote, and wrote data."""

    status: int
    stderr: str
    calls: int
    data_calls: int


def run_case(case: Case, inputs: Path, folder: Path, most: int) -> Tally:
    """Interrupt a command at up to ``most`` of its calls that write, in every way."""
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
        for name, (number, sticky) in FAULTS.items():
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


@dataclass(frozen=True)
class Promise:
    """What a command promises: its outputs are afterwards the old ones or the new ones.

    Attributes:
        case: The command.
        out: The folder of outputs.
        old: Digests of the outputs before.
        new: Digests after an undisturbed run.
    """

    case: Case
    out: Path
    old: dict[str, str | None]
    new: dict[str, str | None]

    def broken_by(self, ended: Ended, error: int) -> list[str]:
        """Return how a disturbed run broke it."""
        problems = []
        if "Traceback" in ended.stderr:
            problems.append(f"traceback: {ended.stderr.strip().splitlines()[-1]}")
        found = digests(self.out, self.case)
        for name, digest in found.items():
            if name in self.case.records:
                if digest is not None and not _is_json(self.out / name):
                    problems.append(f"{name} is not readable")
            elif digest not in (self.old[name], self.new[name]) and not self.case.grows:
                problems.append(f"{name} is neither the old nor the new one")
        if error == 0 and ended.status != -signal.SIGKILL and not self.case.processes:
            problems.append(f"status {ended.status} though it was to be killed")
        if ended.status == 0 and found != self.new and not self.case.is_service:
            problems.append("status 0, but the output is not the new one")
        may_be_killed = error == 0 and ended.status == -signal.SIGKILL
        if ended.status not in (0, 2) and not may_be_killed:
            problems.append(f"status {ended.status}: {ended.stderr.strip()[-200:]}")
        lines = ended.stderr.strip().splitlines() or [""]
        if ended.status == 2 and not lines[-1].startswith("amcnet: "):
            problems.append(f"status 2 without a sentence: {lines[-1]!r}")
        return problems

    def broken_again(self, again: Ended) -> list[str]:
        """Return how the next, undisturbed run broke it."""
        problems = []
        if again.status != 0:
            problems.append(f"the next run: status {again.status}: {again.stderr.strip()[-200:]}")
        elif digests(self.out, self.case) != self.new:
            problems.append("the next run: another output than an undisturbed one")
        hidden = [path.name for path in self.out.rglob(".*") if path.name not in _KEPT]
        if hidden:
            problems.append(f"the next run left {', '.join(hidden)}")
        return problems


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


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
