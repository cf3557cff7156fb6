"""One command, interrupted at each call that writes."""

import ctypes
import errno
import hashlib
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tools.faults.cases import Case, filled, fresh

FAULTS = {
    "ENOSPC": (errno.ENOSPC, False),
    "full disk": (errno.ENOSPC, True),  # stays full
    "EIO": (errno.EIO, False),
    "EROFS": (errno.EROFS, True),
    "killed": (0, False),
}
_NEVER = -1
_LIMIT_S = 60


@dataclass
class Tally:
    """What came of all trials of a command.

    Attributes:
        name: The command.
        calls: Calls that write in an undisturbed run.
        trials: Number of trials by fault.
        failures: Number of broken promises by fault.
        broken: A sentence for each of them.
    """

    name: str
    calls: int
    trials: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Return the figures for a results file."""
        return {
            "command": self.name,
            "calls": self.calls,
            "trials": dict(self.trials),
            "failures": dict(self.failures),
            "broken": self.broken,
        }


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it wrote on stderr."""

    status: int
    stderr: str
    calls: int


def run_case(case: Case, inputs: Path, folder: Path, every: int = 1) -> Tally:
    """Interrupt a command at every call that writes, in every way."""
    out = folder / "out"

    def undisturbed(arguments: tuple[str, ...]) -> int:
        return run(arguments, out, folder).status

    fresh(case, inputs, out, undisturbed)
    old = digests(out, case.outputs)
    calm = run(filled(case.arguments, inputs, out), out, folder)
    new = digests(out, case.outputs)
    tally = Tally(case.name, calm.calls)
    if calm.status != 0 or None in new.values():
        tally.broken.append(f"{case.name}: undisturbed: status {calm.status}: {calm.stderr}")
        return tally
    for fault, (number, sticky) in FAULTS.items():
        for call in range(1, calm.calls + 1, every):
            fresh(case, inputs, out, undisturbed)
            arguments = filled(case.arguments, inputs, out)
            ended = run(arguments, out, folder, call, number, sticky)
            problems = judge(ended, number, case, out, old, new)
            again = run(_overwriting(arguments, case), out, folder)
            problems += judge_again(again, case, out, new)
            tally.trials[fault] += 1
            tally.failures[fault] += bool(problems)
            tally.broken += [f"{case.name}: {fault} at call {call}: {p}" for p in problems]
    return tally


def _overwriting(arguments: tuple[str, ...], case: Case) -> tuple[str, ...]:
    """Return the arguments of the next run: it may find the complete output of the one before."""
    resumes = arguments[0] in ("prepare", "phantom")
    if resumes or "--overwrite" in arguments:
        return arguments
    return (*arguments, "--overwrite")


def judge(
    ended: Ended,
    error: int,
    case: Case,
    out: Path,
    old: dict[str, str | None],
    new: dict[str, str | None],
) -> list[str]:
    """Return the promises that a disturbed run broke."""
    problems = []
    if "Traceback" in ended.stderr:
        problems.append(f"traceback: {ended.stderr.strip().splitlines()[-1]}")
    found = digests(out, case.outputs)
    for name, digest in found.items():
        if digest not in (old[name], new[name]) and not _grows(case):
            problems.append(f"{name} is neither the old nor the new one")
    if error == 0 and ended.status != -signal.SIGKILL:
        problems.append(f"status {ended.status} though it was to be killed")
    if error and ended.status == 0 and found != new:
        problems.append("status 0, but the output is not the new one")
    if error and ended.status not in (0, 2):
        problems.append(f"status {ended.status}")
    return problems


def _grows(case: Case) -> bool:
    """Return whether an output is a folder that is filled case by case, and resumed."""
    return case.arguments[0] in ("prepare", "phantom")


def judge_again(again: Ended, case: Case, out: Path, new: dict[str, str | None]) -> list[str]:
    """Return the promises that the next, undisturbed run broke."""
    problems = []
    if again.status != 0:
        problems.append(f"the next run: status {again.status}: {again.stderr.strip()[-200:]}")
    elif digests(out, case.outputs) != new:
        problems.append("the next run: another output than an undisturbed one")
    hidden = [path.name for path in out.rglob(".*") if not path.name.endswith(".json")]
    if hidden:
        problems.append(f"the next run left {', '.join(hidden)}")
    return problems


def digests(out: Path, names: tuple[str, ...]) -> dict[str, str | None]:
    """Return a digest of each output, a folder's of all its files; None where it is absent."""
    return {name: _digest(out / name) for name in names}


def _digest(path: Path) -> str | None:
    if not path.exists():
        return None
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        total.update(str(file.relative_to(path.parent)).encode())
        total.update(_settled(file.read_bytes()))
    return total.hexdigest()


def _settled(data: bytes) -> bytes:
    """Return the bytes of a file without what differs between runs: times and durations."""
    import re

    return re.sub(rb"\d+\.\d+ s\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?", b"", data)


def run(
    arguments: tuple[str, ...],
    out: Path,
    folder: Path,
    call: int = _NEVER,
    error: int = 0,
    sticky: bool = False,
) -> Ended:
    """Run ``amcnet`` in a child of this process, which has the heavy modules loaded already."""
    said, counted = folder / "stderr.txt", folder / "calls.txt"
    child = os.fork()
    if child == 0:
        _become(arguments, out, said, counted, (call, error, sticky))
    _, status = os.waitpid(child, 0)
    calls = int(counted.read_text() or 0) if counted.exists() else 0
    counted.unlink(missing_ok=True)
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"), calls)


def _become(
    arguments: tuple[str, ...],
    out: Path,
    said: Path,
    counted: Path,
    fault: tuple[int, int, bool],
) -> None:
    """Turn this child into the command; never returns."""
    library = ctypes.CDLL(os.environ["AMCNET_FAULTS_LIBRARY"])
    signal.alarm(_LIMIT_S)
    status = 70
    try:
        stream = os.open(said, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(stream, 2)
        sys.argv = ["amcnet", *arguments]
        from amcnet.cli.main import main

        call, error, sticky = fault
        library.fault_arm(str(out).encode(), ctypes.c_long(call), error, int(sticky))
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        counted.write_text(str(library.fault_count()))
    except BaseException as problem:
        os.write(2, f"Traceback: {type(problem).__name__}: {problem}\n".encode())
    finally:
        os._exit(status)
