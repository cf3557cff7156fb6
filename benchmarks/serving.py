"""Load on the service: many small volumes from many clients at once, against the bare command.

    python benchmarks/serving.py --volumes 200 --clients 16 --json results/serving.json

Volumes of noise, each different, are segmented by ``amcnet serve`` for clients that submit, follow
and fetch with the client of the package; ``amcnet segment`` segments one half of them before and
the other half afterwards, so that a machine that becomes busier or less busy disturbs both alike.
Reported are throughput, the largest memory of both, the longest wait of a client, and whether every
volume came back, equal to the command's file in every byte.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil

MAIN = "from amcnet.cli.main import main; main()"
SHAPE, SPACING_MM = (24, 40, 36), (1.2, 1.0, 0.9)
# The axes of the volumes: noise does not look like a hand, so all orders would be searched.
AXES = "depth,lateral,scan"
GIB = 2**30


@dataclass(frozen=True)
class Load:
    """Measured values.

    Attributes:
        volumes: Number of volumes.
        clients: Clients that sent at the same time.
        command_seconds: Time of both calls of the command, each with the loading of the model.
        service_seconds: Time from the first submission to the last result; the model was loaded.
        loading_seconds: Time that the service took to start.
        longest_wait_seconds: Longest time that one client waited for one volume.
        command_gib: Peak memory of the command.
        service_gib: Peak memory of the service.
        lost: Volumes without a result.
        different: Results that differ from the command's.
    """

    volumes: int
    clients: int
    command_seconds: float
    service_seconds: float
    loading_seconds: float
    longest_wait_seconds: float
    command_gib: float
    service_gib: float
    lost: int
    different: int


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--model", type=Path, help="a model bundle; by default the bundled model")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.volumes, options.clients, options.model)
    print(report(found))
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")


def report(found: Load) -> str:
    """Return the results as a table."""
    rows = [
        ("", "command", "service"),
        ("seconds", f"{found.command_seconds:.1f}", f"{found.service_seconds:.1f}"),
        (
            "volumes a minute",
            f"{60 * found.volumes / found.command_seconds:.1f}",
            f"{60 * found.volumes / found.service_seconds:.1f}",
        ),
        ("memory, GiB", f"{found.command_gib:.2f}", f"{found.service_gib:.2f}"),
    ]
    table = "\n".join(f"{a:18}{b:>10}{c:>10}" for a, b, c in rows)
    return (
        f"{found.volumes} volumes, {found.clients} clients at once\n{table}\n"
        f"lost {found.lost}, different {found.different}, longest wait "
        f"{found.longest_wait_seconds:.1f} s, start {found.loading_seconds:.1f} s"
    )


def measure(folder: Path, volumes: int, clients: int, model: Path | None) -> Load:
    """Measure in a temporary folder."""
    scans = folder / "scans"
    scans.mkdir()
    paths = write_volumes(scans, volumes)
    chosen = [] if model is None else ["--model", str(model)]
    out, half = folder / "out", volumes // 2
    before = run_command(paths[:half], out, chosen)
    started = time.monotonic()
    service, url = start_service(folder / "data", chosen)
    loading_seconds = time.monotonic() - started
    watch = MemoryWatch(psutil.Process(service.pid))
    try:
        started = time.monotonic()
        with ThreadPoolExecutor(clients) as pool:
            work = partial(segment_one, url, folder / "fetched")
            results = list(pool.map(work, paths))
        service_seconds = time.monotonic() - started
    finally:
        service_bytes = watch.end()
        service.terminate()
        service.wait(60)
    after = run_command(paths[half:], out, chosen)
    pairs = [(out / path.name, path) for path, _ in results if path is not None]
    return Load(
        volumes=volumes,
        clients=clients,
        command_seconds=before[0] + after[0],
        service_seconds=service_seconds,
        loading_seconds=loading_seconds,
        longest_wait_seconds=max(seconds for _, seconds in results),
        command_gib=max(before[1], after[1]) / GIB,
        service_gib=service_bytes / GIB,
        lost=volumes - len(pairs),
        different=sum(here.read_bytes() != there.read_bytes() for here, there in pairs),
    )


def write_volumes(folder: Path, volumes: int) -> list[Path]:
    """Write volumes of noise and return their paths."""
    from amcnet.io import Geometry, write_image

    rng = np.random.default_rng(0)
    grid = Geometry.canonical(SHAPE, SPACING_MM)
    for number in range(volumes):
        voxels = rng.integers(0, 255, SHAPE).astype(np.uint8)
        write_image(folder / f"volume-{number:03d}.nrrd", voxels, grid)
    return sorted(folder.iterdir())


def run_command(scans: list[Path], out: Path, chosen: list[str]) -> tuple[float, int]:
    """Return the seconds and the largest memory of one call of the command."""
    call = [sys.executable, "-c", MAIN, "segment", *map(str, scans), "-o", str(out)]
    call += ["--axes", AXES]
    started = time.monotonic()
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*call, *chosen], stdout=quiet, stderr=quiet) as process:
        watch = MemoryWatch(psutil.Process(process.pid))
        process.wait()
    if process.returncode:
        raise SystemExit("the command failed")
    return time.monotonic() - started, watch.end()


def start_service(data: Path, chosen: list[str]) -> tuple[subprocess.Popen[str], str]:
    call = [sys.executable, "-c", MAIN, "serve", "--http", "127.0.0.1:0", "--data", str(data)]
    process = subprocess.Popen(
        [*call, *chosen],
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    url = "" if process.stdout is None else process.stdout.readline().strip()
    if not url:
        raise SystemExit("the service did not start")
    return process, url


def segment_one(url: str, folder: Path, scan: Path) -> tuple[Path | None, float]:
    """Segment a volume on the service; return its labels, if any, and the time in seconds."""
    from amcnet.service.client.segment_on_server import SegmentOnServer
    from amcnet.workflows.segment.options import Job, SegmentOptions

    folder.mkdir(exist_ok=True)
    job = Job(scan, folder / f"{scan.name.removesuffix('.nrrd')}.seg.nrrd")
    started = time.monotonic()
    place = SegmentOnServer(url, None)
    (outcome,) = place.run([job], SegmentOptions(axes=AXES))
    path = None if outcome.failed else job.target
    return path, time.monotonic() - started


class MemoryWatch:
    """Records the memory of a process until it is stopped."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._most, self._ended = process, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            try:
                self._most = max(self._most, self._process.memory_info().rss)
            except psutil.Error:
                return

    def end(self) -> int:
        """Return the highest memory so far, in bytes."""
        self._ended.set()
        self._thread.join()
        return self._most


if __name__ == "__main__":
    main()
