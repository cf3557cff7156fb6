"""Segment hundreds of volumes in one command, and record the memory of the process.

    python benchmarks/many_volumes.py --count 500 --json results/many_volumes.json

The volumes are small and the network is tiny and untrained, so that any growth with their number
comes from everything else. Resident memory is read every tenth of a second; it counts as flat if
the maximum of the last fifth exceeds that of the second fifth by at most 5 % (during the first
fifth, libraries are loaded and caches filled). Exits with status 1 otherwise.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from amcnet.anatomy import hand_label_table
from amcnet.bundle import BundleDescription, Provenance
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.data import Preprocessing
from amcnet.io import Geometry, write_image
from amcnet.networks import Architecture, build_network

_SHAPE, _SPACING_MM = (16, 24, 20), (0.6, 1.0, 0.7)
_MOST_GROWTH = 0.05
_COMMAND = [sys.executable, "-c", "from amcnet.cli.main import main; main()", "segment"]


def main() -> int:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500, help="number of volumes")
    parser.add_argument("--json", type=Path, help="write the values to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.count)
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return int(figures["growth"] > _MOST_GROWTH)


def measure(folder: Path, count: int) -> dict[str, float]:
    """Return the memory over the course of one command that segments ``count`` volumes.

    Returns:
        ``volumes``, ``seconds``, ``first_mib`` and ``last_mib`` (maximum resident memory in the
        second and the last fifth of the volumes), and ``growth``, their ratio minus 1.
    """
    _write_inputs(folder, count)
    options = ["--model", folder / "model", "--quality", "fast", "--axes", "scan,lateral,depth"]
    command = [*_COMMAND, folder / "scans", "-o", folder / "out", *options]
    began = time.monotonic()
    highest: dict[int, int] = {}  # by number of completed volumes
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                memory = watched.memory_info().rss
            except psutil.Error:
                break
            done = sum(1 for _ in (folder / "out").glob("[!.]*"))
            highest[done] = max(memory, highest.get(done, 0))
            time.sleep(0.1)
    if process.returncode != 0:
        raise RuntimeError(f"amcnet segment ended with status {process.returncode}")
    second = max(v for done, v in highest.items() if count / 5 <= done < 2 * count / 5)
    last = max(v for done, v in highest.items() if done >= 4 * count / 5)
    return {
        "volumes": count,
        "seconds": round(time.monotonic() - began, 1),
        "first_mib": round(second / 2**20, 1),
        "last_mib": round(last / 2**20, 1),
        "growth": round(last / second - 1, 4),
    }


def _write_inputs(folder: Path, count: int) -> None:
    scans = folder / "scans"
    scans.mkdir()
    rng = np.random.default_rng(0)
    geometry = Geometry.canonical(_SHAPE, _SPACING_MM)
    for number in range(count):
        image = rng.integers(0, 255, _SHAPE).astype(np.uint8)
        write_image(scans / f"scan_{number:04d}.nrrd", image, geometry)
    architecture = Architecture(width=4)
    description = BundleDescription(
        name="tiny",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=_SPACING_MM),
        window=8,
        labels=hand_label_table().to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    write_bundle(folder / "model", build_network(architecture), description)


if __name__ == "__main__":
    sys.exit(main())
