"""Time and memory of ``amcnet segment`` compared with the usual approach, with the same weights.

    amcnet phantom --count 1 --seed 800100 --grid full --out datasets/full-grid
    python -m benchmarks.inference datasets/full-grid/imagesTr/hand_800100_0000.nrrd \
        --json results/inference.json

With ONEDNN_MAX_CPU_ISA=AVX2 in the environment, as for the committed results, the networks use no
AVX-512.

The usual approach is MONAI's sliding_window_inference in PyTorch with the same windows and overlap,
all logits resized to the volume's grid, then the arg-max. At full size its logits take tens of
gigabytes, so it processes only part of the slices, and everything proportional to their number is
scaled up, as the table states. Every run is a separate process; its memory is that of the process
and its children. The lower bounds are the network's operations divided by the rate of a large
matrix product, and the bytes that any approach has to read and write divided by the rate of a copy.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from amcnet.parallel import processors
from studies.lower_bounds import bounds

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
GIB = 2**30
REPEATS = 3
COMMAND = [sys.executable, "-c", "from amcnet.cli.main import main; main()"]


def main(arguments: list[str] | None = None) -> None:
    options = parsed(arguments)
    if options.child == "stages":
        print(json.dumps(run_stages(options)))
        return
    if options.child == "usual":
        print(json.dumps(run_usual(options)))
        return
    results = measure(options)
    print(report(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volume", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--quality", default="balanced")
    parser.add_argument("--slices", type=int, default=122, help="slices for the usual approach")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=["stages", "usual"], help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run everything, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "labels.seg.nrrd"
        segment = [*COMMAND, "segment", str(options.volume), "-o", str(out)]
        segment += ["--overwrite", "--quality", options.quality]
        segment += ["--model", options.model] if options.model else []
        fresh_cache = {"XDG_CACHE_HOME": folder}
        first = watched(segment, fresh_cache)
        runs = [watched(segment, fresh_cache) for _ in range(options.repeats)]
        again = [sys.executable, "-m", "benchmarks.inference", *sys.argv[1:]]
        stages = [last_line(watched([*again, "--child", "stages"])) for _ in range(options.repeats)]
        usual = watched([*again, "--child", "usual"])
    own = {
        "first_seconds": first["seconds"],
        "seconds": median(run["seconds"] for run in runs),
        "all_seconds": [run["seconds"] for run in runs],
        "peak_bytes": max(run["peak_bytes"] for run in [first, *runs]),
        "stages": {name: median(run[name] for run in stages) for name in stages[0]},
    }
    return {
        "volume": facts(options.volume),
        "processors": processors(),
        "quality": options.quality,
        "amcnet": own,
        "usual": scaled(last_line(usual), usual["peak_bytes"]),
        "bounds": bounds(options.volume, options.model, options.quality),
    }


def watched(command: list[str], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a command; return its output, seconds and the peak memory of all its processes."""
    start = time.perf_counter()
    process = psutil.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, tree_bytes(process))
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    output = process.stdout.read()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: ended with status {process.returncode}")
    return {"output": output, "seconds": seconds, "peak_bytes": peak}


def tree_bytes(process: psutil.Process) -> int:
    """Return the resident memory of a process and all its descendants."""
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def last_line(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run["output"].strip().splitlines()[-1])
    return found


def facts(path: Path) -> dict[str, Any]:
    from amcnet.io import read_geometry

    shape = read_geometry(path).canonical_shape
    return {"shape": shape, "voxels": int(np.prod(shape)), "file_bytes": path.stat().st_size}


def run_stages(options: argparse.Namespace) -> dict[str, float]:
    """Return the time of each stage in seconds, within one process."""
    start = time.perf_counter()
    from amcnet.inference import Segmenter
    from amcnet.io import read_volume

    segmenter = Segmenter(options.model, quality=options.quality)
    loaded = time.perf_counter()
    volumes = [read_volume(options.volume)]
    read = time.perf_counter()
    prepared = segmenter.prepare(volumes)
    del volumes
    result = segmenter.label(prepared)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        result.write(Path(folder) / "labels.seg.nrrd")
        written = time.perf_counter() - begin
    return {
        "import and load": loaded - start,
        "read": read - loaded,
        **result.seconds,
        "write": written,
    }


def run_usual(options: argparse.Namespace) -> dict[str, Any]:
    """The usual approach on some slices in the middle: time of each stage in seconds."""
    import torch
    from monai.inferers import sliding_window_inference
    from torch.nn.functional import interpolate

    from amcnet.bundle import load_bundle
    from amcnet.bundle.formats.network import rebuild_network
    from amcnet.data.channels import network_input
    from amcnet.inference.quality_presets import choose_windows
    from amcnet.io import read_volume, volume_from_array, write_labels

    bundle = load_bundle(options.model)
    description = bundle.description
    network = rebuild_network(bundle)
    base = psutil.Process().memory_info().rss
    clock = [time.perf_counter()]
    volume = read_volume(options.volume)
    clock.append(time.perf_counter())
    total = volume.array.shape[0]
    slices = min(options.slices, total)
    begin = (total - slices) // 2
    part = volume_from_array(volume.array[begin : begin + slices].copy(), volume.spacing_mm)
    whole_bytes = volume.array.nbytes
    del volume
    image = network_input([part], description.preprocessing)
    windows = choose_windows(options.quality, description.window, description.mirror_axes)
    size = (windows.slices, *image.shape[2:])
    clock.append(time.perf_counter())
    with torch.inference_mode():
        logits = sliding_window_inference(
            torch.from_numpy(image)[None], size, 1, network, windows.overlap, mode="gaussian"
        )
        clock.append(time.perf_counter())
        full = interpolate(logits, size=part.array.shape, mode="trilinear")
        labels = full[0].argmax(dim=0).to(torch.uint8).numpy()
    clock.append(time.perf_counter())
    full_bytes = full.nbytes
    del full
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.seg.nrrd"
        geometry, table = part.geometry, description.label_table
        write_labels(path, labels, geometry, table)
    clock.append(time.perf_counter())
    names = ("read", "resample", "network", "resize and arg-max", "write")
    return {
        "stages": dict(zip(names, np.diff(clock).tolist(), strict=True)),
        "slices": slices,
        "of": total,
        "base_bytes": base,
        "volume_bytes": whole_bytes,
        "logit_bytes": full_bytes,
    }


def scaled(found: dict[str, Any], peak_bytes: int) -> dict[str, Any]:
    """Scale everything proportional to the number of slices up to the whole volume."""
    factor = found["of"] / found["slices"]
    stages = {
        name: seconds * (1 if name == "read" else factor)
        for name, seconds in found["stages"].items()
    }
    fixed = found["base_bytes"] + found["volume_bytes"]
    return {
        **found,
        "factor": factor,
        "measured_peak_bytes": peak_bytes,
        "measured_seconds": sum(found["stages"].values()),
        "scaled_stages": stages,
        "seconds": sum(stages.values()),
        "peak_bytes": fixed + max(0, peak_bytes - fixed) * factor,
    }


def report(results: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    own, usual, least = results["amcnet"], results["usual"], results["bounds"]
    shape = " x ".join(map(str, results["volume"]["shape"]))
    lines = [
        f"Volume {shape}, {results['processors']} processors, quality {results['quality']}.",
        "",
        "| | amcnet segment | usual approach, scaled | ratio |",
        "|---|---|---|---|",
        f"| seconds | {own['seconds']:.1f} | {usual['seconds']:.0f} "
        f"| {usual['seconds'] / own['seconds']:.1f} |",
        f"| peak memory, GiB | {own['peak_bytes'] / GIB:.2f} | {usual['peak_bytes'] / GIB:.1f} "
        f"| {usual['peak_bytes'] / own['peak_bytes']:.1f} |",
        "",
        f"First run, before the compiled model is in the cache: {own['first_seconds']:.1f} s.",
        f"The usual approach ran on {usual['slices']} of {usual['of']} slices "
        f"({usual['measured_seconds']:.1f} s, {usual['measured_peak_bytes'] / GIB:.1f} GiB); "
        f"everything except reading is scaled by {usual['factor']:.2f}.",
        "",
        "| stage | amcnet, s | usual approach, scaled, s |",
        "|---|---|---|",
    ]
    for name in dict.fromkeys([*own["stages"], *usual["scaled_stages"]]):
        cells = (
            f"{stages[name]:.2f}" if name in stages else "-"
            for stages in (own["stages"], usual["scaled_stages"])
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "`labels` is the time of network and labelling together, which run in parallel; "
        "`network` is the time that the network was busy within it.",
        "",
        "| lower bound | seconds | from |",
        "|---|---|---|",
        f"| network | {least['network_seconds']:.2f} | {least['windows']} windows, "
        f"{least['operations'] / 1e9:.0f} GFLOP at {least['operations_per_second'] / 1e9:.0f} "
        "GFLOP/s (float32 matrix product) |",
        f"| memory | {least['copy_seconds']:.2f} | {least['bytes'] / 1e9:.2f} GB at "
        f"{least['bytes_per_second'] / 1e9:.1f} GB/s (copy) |",
        f"| inflating the file | {least['inflate_seconds']:.2f} | zlib, one thread |",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
