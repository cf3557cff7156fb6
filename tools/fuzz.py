"""Run segment, evaluate, measure and prepare on damaged files of every format.

    python -m tools.fuzz --files 2000
    python -m tools.fuzz --resume --files 500            # so many more, added to the results
    python -m tools.fuzz --only "dicom seg" --files 200 --seed 7 --json other.json
    python -m tools.fuzz --again 17:1234      # one of the faults, kept as files

prints counts and writes results/fuzz.json. Every file is damaged in one way (truncated, bits
flipped, blocks moved, header falsified) and passed to one command. The expected outcome is exit
status 2 with one line on stderr, within a time and a memory limit, or 0 if the file is still
readable. A truncated file that is read nevertheless counts as a fault. Commands run in a child
process with a limited address space (on systems with such a limit); every fiftieth file is also
passed to a real `amcnet` process, which must give the same outcome.
"""

import argparse
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.errors import TRACEBACK_VARIABLE
from tools.fuzzing.mutations import mutate
from tools.fuzzing.seeds import Target, make_targets

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "fuzz.json"
WORKER = ROOT / "tools" / "fuzzing" / "worker.py"
SPARE_BYTES = 3 << 30  # of address space: OpenVINO's threads use some of it
MOST_BYTES = (
    400 << 20
)  # the intact files have 2 kB of voxels; imports, the network and a search of the axes take 310 MB
SECONDS = 60.0
# A traceback is a fault of the program; without the variable it is one line, like a regular error.
ENVIRONMENT = {"COLUMNS": "200", TRACEBACK_VARIABLE: "1"}
EVERY = 50
_PROGRESS = re.compile(r"[\w ]+: \d+ of \d+(, about .* left)?")
_PROGRAM = "from amcnet.cli.main import main; main()"


@dataclass
class Tally:
    """Outcomes of the files."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)
    slowest_s: float = 0.0
    most_mb: float = 0.0
    processes: int = 0


class Child:
    """The process that runs the commands; it is replaced after it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def ask(self, arguments: list[str]) -> dict[str, Any]:
        """Run a command; return the answer of the worker, or how it died."""
        process = self._process or self._start()
        process.stdin.write(json.dumps(arguments) + "\n")
        process.stdin.flush()
        try:
            answer = self._answers.get(timeout=SECONDS)
        except queue.Empty:
            self.end()
            return {"died": "hang"}
        if not answer:
            status = process.wait()
            self._process = None
            return {"died": f"crash ({status})"}
        return json.loads(answer)

    def _start(self) -> "subprocess.Popen[str]":
        self._answers = queue.Queue()
        process = subprocess.Popen(
            [sys.executable, str(WORKER), str(SPARE_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | ENVIRONMENT,
        )

        def listen(stream: Iterable[str], answers: "queue.Queue[str]") -> None:
            for line in stream:
                answers.put(line)
            answers.put("")

        threading.Thread(target=listen, args=(process.stdout, self._answers), daemon=True).start()
        if json.loads(self._answers.get(timeout=300) or "null") != "ready":
            raise RuntimeError("the child process did not start")
        self._process = process
        return process

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def verdict(answer: dict[str, Any], kind: str) -> str:
    """Return ``refused``, ``read``, or the fault."""
    if "died" in answer:
        return answer["died"]
    lines = [line for line in answer["err"].splitlines() if line]
    said = [line for line in lines if not _PROGRESS.fullmatch(line)]
    if "Traceback" in answer["err"] or answer["status"] not in (0, 2):
        return "traceback"
    if (answer["grown"] or 0) > MOST_BYTES:
        return "memory"
    if answer["status"] == 0:
        return "cut off and read" if kind.startswith("cut") else "read"
    if len(said) != 1 or not said[0].startswith("amcnet: "):
        return "not one line"
    return "not enough memory" if " of memory" in said[0] else "refused"


def damaged_copy(target: Target, seed: int, folder: Path) -> tuple[str, list[str]]:
    """Copy a target's files into a folder and damage one; return how, and the arguments."""
    copy, output = folder / "in", folder / "out"
    shutil.copytree(target.folder, copy)
    output.mkdir()
    file = copy / target.file
    content = file.read_bytes()
    kind, damaged = mutate(content, file.name, np.random.default_rng([seed, len(content)]))
    file.write_bytes(damaged)
    if damaged == content or (kind == "cut" and damaged.rstrip() == content.rstrip()):
        kind = "nothing lost"
    return kind, [part.format(copy, output) for part in target.command]


def run(targets: list[Target], seeds: Iterable[int], tally: Tally, every: int = EVERY) -> Tally:
    """Damage the targets in turn, once for each seed."""
    child = Child()
    try:
        for seed in seeds:
            target = targets[seed % len(targets)]
            with tempfile.TemporaryDirectory() as folder:
                kind, arguments = damaged_copy(target, seed, Path(folder))
                answer = child.ask(arguments)
                _count(tally, target, seed, kind, answer)
                left = list((Path(folder) / "out").iterdir())
                if answer.get("status") == 2 and left:
                    _fault(tally, target, seed, kind, "left files", answer)
                for path in left:
                    path.unlink()
                if every and seed % every == 0 and "died" not in answer:
                    _compare(tally, target, seed, kind, answer, arguments)
    finally:
        child.end()
    return tally


def _count(tally: Tally, target: Target, seed: int, kind: str, answer: dict[str, Any]) -> None:
    what = verdict(answer, kind)
    tally.counts[target.format, target.command[0], what] += 1
    tally.slowest_s = max(tally.slowest_s, answer.get("s", SECONDS))
    tally.most_mb = max(tally.most_mb, (answer.get("grown") or 0) / 2**20)
    if what not in ("refused", "read"):
        _fault(tally, target, seed, kind, what, answer)


def _fault(
    tally: Tally, target: Target, seed: int, kind: str, what: str, answer: dict[str, Any]
) -> None:
    text = answer.get("err", "").strip()[-2000:] or answer.get("out", "").strip()[-300:]
    name = f"{target.format}, {target.command[0]}"
    again = f"{target.number}:{seed}"
    sys.stderr.write(f"{again} {name}: {what}\n{text[-400:]}\n")
    tally.faults.append({"file": name, "again": again, "damage": kind, "fault": what, "text": text})


def _compare(
    tally: Tally,
    target: Target,
    seed: int,
    kind: str,
    answer: dict[str, Any],
    arguments: list[str],
) -> None:
    """Run a real process on the same file, which must have the same outcome."""
    tally.processes += 1
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        env=os.environ | ENVIRONMENT,
    )
    if (done.returncode, done.stderr) != (answer["status"], answer["err"]):
        found = {
            "err": f"{done.returncode}: {done.stderr}\nfirst {answer['status']}: {answer['err']}"
        }
        _fault(tally, target, seed, kind, "another end in a process", found)


def summary(tally: Tally, seeds: int, seconds: float) -> dict[str, Any]:
    """Return the results as plain data."""
    formats: dict[str, dict[str, dict[str, int]]] = {}
    for (name, command, what), count in sorted(tally.counts.items()):
        formats.setdefault(name, {}).setdefault(command, {})[what] = count
    outcomes: Counter[str] = Counter()
    for (_, _, what), count in tally.counts.items():
        outcomes[what] += count
    return {
        "files": seeds,
        "outcomes": dict(outcomes.most_common()),
        "real processes": tally.processes,
        "slowest_s": round(tally.slowest_s, 2),
        "most_memory_mb": round(tally.most_mb, 1),
        "seconds": round(seconds),
        "formats": formats,
        "faults": tally.faults,
    }


def resumed(result: dict[str, Any]) -> Tally:
    """Return the counts of an earlier run."""
    counts = Counter(
        {
            (name, command, what): count
            for name, commands in result["formats"].items()
            for command, outcomes in commands.items()
            for what, count in outcomes.items()
        }
    )
    return Tally(
        counts,
        result["faults"],
        result["slowest_s"],
        result["most_memory_mb"],
        result["real processes"],
    )


def main() -> None:
    """Parse, run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--resume", action="store_true", help="add to the existing results")
    parser.add_argument("--only", help="only formats whose name contains this text")
    parser.add_argument("--command", help="only this command")
    parser.add_argument(
        "--minutes", type=float, default=1e9, help="stop after this number of files"
    )
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--again", metavar="TARGET:SEED")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        targets = make_targets(Path(folder))
        if options.again:
            show(targets, options.again)
            return
        if options.only or options.command:
            targets = [
                target
                for target in targets
                if (options.only or "") in target.format
                and options.command in (None, target.command[0])
            ]
        tally, first, before, seconds = Tally(), options.seed, 0, 0.0
        if options.resume:
            result = json.loads(options.json.read_text(encoding="utf-8"))
            tally, first = resumed(result), result["first seed"]
            before, seconds = result["files"], result["seconds"]
        start, done = time.monotonic() - seconds, first + before
        last = done + options.files
        while done < last and time.monotonic() - start - seconds < 60 * options.minutes:
            batch = range(done, min(done + 50, last))
            run(targets, batch, tally)
            done = batch.stop
            result = summary(tally, done - first, time.monotonic() - start)
            result["first seed"] = first
            options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            sys.stderr.write(f"{done - first} files, {len(tally.faults)} faults\n")
    for what, count in result["outcomes"].items():
        print(f"{what:30}{count:6}")
    for fault in tally.faults:
        print(
            fault["file"],
            fault["again"],
            fault["damage"],
            fault["fault"],
            fault["text"][-300:],
            sep="\n  ",
        )


def show(targets: list[Target], name: str) -> None:
    """Damage one file again, keep it and run a real process on it."""
    number, seed = map(int, name.split(":"))
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    kind, arguments = damaged_copy(targets[number], seed, folder)
    print(kind, *arguments)
    subprocess.run([sys.executable, "-c", _PROGRAM, *arguments], check=False)


if __name__ == "__main__":
    main()
