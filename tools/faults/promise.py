"""What a command promises, whatever fails while it works."""

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from tools.faults.cases import Case
from tools.faults.digests import digests

_KEPT = (".lock", ".gitignore")


@dataclass(frozen=True)
class Ended:
    """How a process ended, what it wrote on stderr, and how many calls wrote, and wrote data."""

    status: int
    stderr: str
    calls: int
    data_calls: int


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
