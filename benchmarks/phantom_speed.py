"""Time and memory of making one phantom on each grid.

    python benchmarks/phantom_speed.py --json results/phantom_speed.json

prints a table, and writes the results with --json. Every run is a separate process, so that its
peak memory is that of one phantom, and the import is timed separately.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

TARGET_SECONDS = {"network": 20, "full": 60}
TARGET_GB = 4
COLUMNS = (
    "grid",
    "voxels",
    "seconds",
    "target",
    "million voxels/s",
    "import, s",
    "peak memory, GB",
    "target",
    "threads",
)


def run_once(grid: str, variety: str, seed: int, threads: int) -> dict[str, Any]:
    """Make one phantom in this process."""
    start = time.perf_counter()
    from amcnet.phantom import GRIDS, PhantomConfig, make_phantom

    imported = time.perf_counter()
    phantom = make_phantom(seed, PhantomConfig(GRIDS[grid], variety), threads)
    done = time.perf_counter()
    return {
        "voxels": phantom.image.size,
        "import_seconds": imported - start,
        "seconds": done - imported,
        "peak_bytes": peak_bytes(),
    }


def peak_bytes() -> int | None:
    """Return the peak memory of this process, if the system reports it (not Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def measure(grid: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Make a phantom several times, each in a fresh process."""
    child = [sys.executable, __file__, "--once", "--grids", grid]
    for name in ("variety", "seed", "threads"):
        child += [f"--{name}", str(getattr(arguments, name))]
    runs = []
    for _ in range(arguments.repeat):
        done = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True)
        runs.append(json.loads(done.stdout))
    seconds = median(run["seconds"] for run in runs)
    peaks = [run["peak_bytes"] for run in runs if run["peak_bytes"] is not None]
    return {
        "voxels": runs[0]["voxels"],
        "seconds": round(seconds, 2),
        "target_seconds": TARGET_SECONDS[grid],
        "voxels_per_second": round(runs[0]["voxels"] / seconds),
        "import_seconds": round(median(run["import_seconds"] for run in runs), 2),
        "peak_bytes": max(peaks, default=None),
        "target_bytes": TARGET_GB * 10**9,
        "every_run_seconds": [round(run["seconds"], 2) for run in runs],
    }


def table(results: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for grid, found in results["grids"].items():
        peak = found["peak_bytes"]
        cells = (
            grid,
            f"{found['voxels']:,}",
            f"{found['seconds']:.1f}",
            f"{found['target_seconds']}",
            f"{found['voxels_per_second'] / 1e6:.2f}",
            f"{found['import_seconds']:.1f}",
            "not measured" if peak is None else f"{peak / 1e9:.2f}",
            f"{TARGET_GB}",
            f"{results['threads']}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    processors = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grids", nargs="+", choices=TARGET_SECONDS, default=list(TARGET_SECONDS))
    parser.add_argument(
        "--repeat", type=int, default=3, help="number of runs, of which the median is taken"
    )
    parser.add_argument("--threads", type=int, default=processors)
    parser.add_argument("--variety", choices=("complete", "full"), default="complete")
    parser.add_argument("--seed", type=int, default=800_000)
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.repeat < 1:
        parser.error(f"--repeat: found {arguments.repeat}, expected at least 1")
    if arguments.once:
        run = (arguments.grids[0], arguments.variety, arguments.seed, arguments.threads)
        print(json.dumps(run_once(*run)))
        return
    results = {
        "machine": {
            "system": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
        },
        "threads": arguments.threads,
        "variety": arguments.variety,
        "seed": arguments.seed,
        "repeat": arguments.repeat,
        "grids": {grid: measure(grid, arguments) for grid in arguments.grids},
    }
    print(table(results))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
