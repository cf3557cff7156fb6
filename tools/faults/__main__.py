"""Let every call that writes fail once, or kill the process at it, and look at what remains.

    python -m tools.faults [--only measure] [--fault lost] [--most 20] [--json results/faults.json]

prints a table (commands x faults) and exits with status 1 where a promise was broken:

- a call that fails ends the command with status 2 and one line, or does no harm (status 0 and
  complete new output); never a traceback;
- each output is afterwards the old one, byte for byte, or complete and new, or absent where there
  was no old one;
- a call that writes nothing and reports success is noticed as an error is;
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
from tools.faults.page import table
from tools.faults.trials import CALM, FAULTS, Command, Tally, in_child, run, run_case

ROOT = Path(__file__).parents[2]
LIBRARY = "AMCNET_FAULTS_LIBRARY"


def main() -> int:
    """Run the trials in a process that has the library preloaded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", action="append", help="cases whose name contains this text; may be repeated"
    )
    parser.add_argument(
        "--fault", action="append", choices=FAULTS, help="only this one; may be repeated"
    )
    parser.add_argument("--most", type=int, default=10, help="calls to try of each command")
    parser.add_argument("--json", type=Path, help="write the table here too")
    arguments = parser.parse_args()
    if LIBRARY not in os.environ:
        return _preloaded(sys.argv[1:])
    from tools.faults.cases import Case, cases
    from tools.faults.inputs import make_inputs

    _load_everything()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        inputs.mkdir()

        def amcnet_command(words: tuple[str, ...]) -> None:
            command = Command(Case("", words, ()), words, inputs, inputs, Path(folder))
            if (ended := run(command, CALM)).status != 0:
                raise RuntimeError(f"amcnet {' '.join(words)}: {ended.stderr}")

        in_child(lambda: make_inputs(inputs, amcnet_command))
        tallies = []
        for case in cases():
            if any(text in case.name for text in arguments.only or [""]):
                faults = arguments.fault or list(FAULTS)
                tally = run_case(case, inputs, Path(folder), arguments.most, faults)
                print(
                    *table([tally.to_json()]).splitlines()[2:], *tally.broken, sep="\n", flush=True
                )
                tallies.append(tally)
                if arguments.json is not None:
                    _record(arguments.json, tally)
    return int(any(tally.broken for tally in tallies))


def _record(path: Path, tally: Tally) -> None:
    """Put the row of a command into the results, with what is known of faults not tried now."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    known = {row["command"]: row for row in rows}
    new = tally.to_json()
    if (old := known.get(tally.name)) is not None:
        for key in ("trials", "failures"):
            new[key] = old[key] | new[key]
        others = (line for line in old["broken"] if not _is_of(line, tally))
        new["broken"] = [*others, *tally.broken]
    rows = list((known | {tally.name: new}).values())
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _is_of(line: str, tally: Tally) -> bool:
    """Return whether a broken promise is of a fault that was tried now."""
    return any(line.startswith(f"{tally.name}: {fault} ") for fault in tally.trials)


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


if __name__ == "__main__":
    sys.exit(main())
