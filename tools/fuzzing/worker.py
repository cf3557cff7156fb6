"""Runs commands of `amcnet`, one per line of JSON on stdin, and answers each with a line.

A separate process, so that the caller survives crashes of native libraries. Its address space is
limited if the system allows it, so that no command can exhaust the machine's memory.
"""

import contextlib
import importlib
import json
import os
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

_STATUS = Path("/proc/self/status")
_PEAK_RESET = Path("/proc/self/clear_refs")


def main() -> None:
    """Answer until stdin ends."""
    spare_bytes = int(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for name in ("SimpleITK", "pydicom", "highdicom", "scipy.ndimage", "amcnet.cli.main"):
        importlib.import_module(name)
    importlib.import_module("amcnet.runtime.openvino").openvino()
    _limit(spare_bytes)
    answers.write('"ready"\n')
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(_run(json.loads(line))) + "\n")
        answers.flush()


def _limit(spare_bytes: int) -> None:
    with contextlib.suppress(ImportError):
        import resource

        used = int(_field("VmSize") or 0)
        resource.setrlimit(resource.RLIMIT_AS, (used + spare_bytes,) * 2)


def _run(arguments: list[str]) -> dict[str, object]:
    from amcnet.cli.main import main as amcnet

    with contextlib.suppress(OSError):
        _PEAK_RESET.write_text("5")
    before, start = _field("VmHWM"), time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.argv = ["amcnet", *arguments]
        status = 0
        try:
            amcnet()
        except SystemExit as leaving:
            status = (
                leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
            )
        except BaseException:  # what a user would see as a traceback
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read(20_000).decode("utf-8", errors="replace"))
    after = _field("VmHWM")
    grown = None if before is None or after is None else after - before
    seconds = time.perf_counter() - start
    return {"status": status, "out": texts[0], "err": texts[1], "s": seconds, "grown": grown}


def _field(name: str) -> int | None:
    """Return a property of this process in bytes; None if the system does not report it."""
    try:
        match = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(), re.M)
    except OSError:
        return None
    return None if match is None else int(match[1]) * 1024


if __name__ == "__main__":
    main()
