"""Load on the service: many small volumes from many clients at once, against the bare command.

    python benchmarks/serving.py --volumes 200 --clients 16 --json results/serving.json

Volumes of noise, each different, are segmented by ``amcnet serve`` for clients that submit, follow
and fetch with the client of the package, and by ``amcnet segment``. They take turns, block by
block, so that a machine that becomes busier or less busy disturbs both alike; the throughputs of a
block give a ratio, and the median of the ratios is reported. Also reported are the processor time,
which other programs disturb least, the largest memory of both, the longest wait of a client, and
whether every volume came back, equal to the command's file in every byte.
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
from statistics import median
from typing import Any

import numpy as np
import psutil

MAIN = "from amcnet.cli.main import main; main()"
SHAPE, SPACING_MM = (24, 40, 36), (1.2, 1.0, 0.9)
# The axes of the volumes: noise does not look like a hand, so all orders would be searched.
AXES = "depth,lateral,scan"
GIB = 2**30
_SIDES = "command", "service"


@dataclass(frozen=True)
class Usage:
    """Resources that were used for some volumes.

    Attributes:
        seconds: Elapsed time.
        processor_seconds: Processor time of the process and its children.
        peak_bytes: Largest memory of the process.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Load:
    """Measured values.

    Attributes:
        volumes: Number of volumes.
        clients: Clients that sent at the same time.
        command: Usage in each block by one call of the command, which loads the model.
        service: Usage in each block by the service, which has the model loaded.
        loading_seconds: Time that the service took to start.
        longest_wait_seconds: Longest time that one client waited for one volume.
        lost: Volumes without a result.
        different: Results that differ from the command's.
    """

    volumes: int
    clients: int
    command: tuple[Usage, ...]
    service: tuple[Usage, ...]
    loading_seconds: float
    longest_wait_seconds: float
    lost: int
    different: int

    @property
    def throughput_ratio(self) -> float:
        """Median over the blocks of the throughput of the service, relative to the command's."""
        pairs = zip(self.command, self.service, strict=True)
        return median(command.seconds / service.seconds for command, service in pairs)


def read_load(values: dict[str, Any]) -> Load:
    """Return the measured values from the content of a results file."""
    blocks = {name: tuple(Usage(**usage) for usage in values[name]) for name in _SIDES}
    return Load(**{**values, **blocks})


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--model", type=Path, help="a model bundle; by default the bundled model")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    chosen = [] if options.model is None else ["--model", str(options.model)]
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.volumes, options.clients, options.blocks, chosen)
    print(report(found))
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")


def report(found: Load) -> str:
    """Return the results as a table."""
    sides = found.command, found.service
    seconds = [sum(usage.seconds for usage in side) for side in sides]
    processor = [sum(usage.processor_seconds for usage in side) for side in sides]
    peaks = [max(usage.peak_bytes for usage in side) / GIB for side in sides]
    rows = [("", *_SIDES), ("seconds", *(f"{value:.1f}" for value in seconds))]
    rows += [("volumes a minute", *(f"{60 * found.volumes / value:.1f}" for value in seconds))]
    rows += [("processor s a volume", *(f"{value / found.volumes:.2f}" for value in processor))]
    rows += [("memory, GiB", *(f"{value:.2f}" for value in peaks))]
    table = "\n".join(f"{a:21}{b:>10}{c:>10}" for a, b, c in rows)
    return (
        f"{found.volumes} volumes in {len(found.command)} blocks, {found.clients} clients at once\n"
        f"{table}\n"
        f"throughput of the service / of the command, median of the blocks: "
        f"{found.throughput_ratio:.2f}\n"
        f"lost {found.lost}, different {found.different}, longest wait "
        f"{found.longest_wait_seconds:.1f} s, start {found.loading_seconds:.1f} s"
    )


def measure(folder: Path, volumes: int, clients: int, blocks: int, chosen: list[str]) -> Load:
    """Measure in a temporary folder; ``chosen`` are the options that choose the model."""
    scans = folder / "scans"
    scans.mkdir()
    paths = write_volumes(scans, volumes)
    out = folder / "out"
    started = time.monotonic()
    process, url = start_service(folder / "data", chosen)
    loading_seconds = time.monotonic() - started
    command, service, results = [], [], []
    try:
        for number in range(blocks):
            block = paths[number::blocks]
            command_is_first = number % 2 == 0
            if command_is_first:
                command.append(run_command(block, out, chosen))
            usage, fetched = run_service(block, process.pid, url, folder / "fetched", clients)
            service.append(usage)
            results += fetched
            if not command_is_first:
                command.append(run_command(block, out, chosen))
    finally:
        process.terminate()
        process.wait(60)
    pairs = [(out / path.name, path) for path, _ in results if path is not None]
    return Load(
        volumes=volumes,
        clients=clients,
        command=tuple(command),
        service=tuple(service),
        loading_seconds=loading_seconds,
        longest_wait_seconds=max(seconds for _, seconds in results),
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


def run_command(scans: list[Path], out: Path, chosen: list[str]) -> Usage:
    """Segment volumes with one call of the command."""
    call = [sys.executable, "-c", MAIN, "segment", *map(str, scans), "-o", str(out)]
    call += ["--axes", AXES]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*call, *chosen], stdout=quiet, stderr=quiet) as process:
        watch = UsageWatch(process.pid)
        process.wait()
    if process.returncode:
        raise SystemExit("the command failed")
    return watch.end()


def run_service(
    scans: list[Path], pid: int, url: str, fetched: Path, clients: int
) -> tuple[Usage, list[tuple[Path | None, float]]]:
    """Segment volumes on the service; return the results of :func:`segment_one`, too."""
    watch = UsageWatch(pid)
    with ThreadPoolExecutor(clients) as pool:
        results = list(pool.map(partial(segment_one, url, fetched), scans))
    return watch.end(), results


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


class UsageWatch:
    """Records what a process and its children use until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._started = time.monotonic()
        self._process, self._ended = psutil.Process(pid), threading.Event()
        self._earlier = self._last = self._processor_seconds()
        self._peak_bytes = 0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _processor_seconds(self) -> float:
        """Return the processor time of the process and of its living and ended children."""
        times = [self._process.cpu_times()]
        times += [child.cpu_times() for child in self._process.children(recursive=True)]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            try:
                self._peak_bytes = max(self._peak_bytes, self._process.memory_info().rss)
                self._last = max(self._last, self._processor_seconds())
            except psutil.Error:
                return

    def end(self) -> Usage:
        """Return the usage so far."""
        seconds = time.monotonic() - self._started
        self._ended.set()
        self._thread.join()
        return Usage(seconds, self._last - self._earlier, self._peak_bytes)


if __name__ == "__main__":
    main()
