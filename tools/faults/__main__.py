"""Let every call that writes fail once, or kill the process at it, and look at what remains.

    python -m tools.faults [--only measure] [--every 3] [--json results/faults.json]

prints a table (commands x faults) and exits with status 1 where a promise was broken:

- a call that fails ends the command with status 2 and one line, or does no harm (status 0 and
  complete new output); never a traceback;
- each output is afterwards the old one, byte for byte, or complete and new, or absent where there
  was no old one;
- the next run succeeds, and no temporary file remains after it.

Linux only: a small library (``inject.c``, compiled with the C compiler of the system) is preloaded.
"""

import argparse
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path

import amcnet
from amcnet.runtime.openvino import openvino
from tools.faults.trials import FAULTS, Tally, run_case

ROOT = Path(__file__).parents[2]
LIBRARY = "AMCNET_FAULTS_LIBRARY"


def main() -> int:
    """Run the trials in a process that has the library preloaded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--every", type=int, default=1, help="try each n-th call only")
    parser.add_argument("--json", type=Path, help="write the table here too")
    arguments = parser.parse_args()
    if LIBRARY not in os.environ:
        return _preloaded(sys.argv[1:])
    from tools.faults.cases import cases, make_inputs

    _load_everything()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        inputs.mkdir()
        make_inputs(inputs)
        wanted = [case for case in cases() if arguments.only in case.name]
        tallies = [run_case(case, inputs, Path(folder), arguments.every) for case in wanted]
    print(table(tallies))
    for tally in tallies:
        print(*tally.broken, sep="\n", end="\n" if tally.broken else "")
    if arguments.json is not None:
        rows = [tally.to_json() for tally in tallies]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(any(tally.broken for tally in tallies))


def _load_everything() -> None:
    """Import every module here, once, so that the children need not."""
    for module in pkgutil.walk_packages(amcnet.__path__, "amcnet."):
        importlib.import_module(module.name)
    openvino()


def _preloaded(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "inject.so"
        source = Path(__file__).with_name("inject.c")
        compiler = os.environ.get("CC", "cc")
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
        subprocess.run(command, check=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), LIBRARY: str(library)}
        again = [sys.executable, "-m", "tools.faults", *arguments]
        return subprocess.run(again, check=False, env=environment, cwd=ROOT).returncode


def table(tallies: list[Tally]) -> str:
    """Return Markdown: for each command the trials of each fault, and how many broke a promise."""
    lines = [f"| command | calls | {' | '.join(FAULTS)} |", f"|{'---|' * (len(FAULTS) + 2)}"]
    for tally in tallies:
        cells = [f"{tally.trials[fault]} ({tally.failures[fault]})" for fault in FAULTS]
        lines.append(f"| {tally.name} | {tally.calls} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
