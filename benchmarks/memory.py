"""Memory used by segmenting, compared with the memory plan.

    python benchmarks/memory.py --json results/memory.json

Untrained networks of several widths on volumes of several planes, each in a separate process: the
peak memory in addition to that before the labelling begins, and the plan for it. The plan must be
above the need, but not far above.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amcnet.networks import Architecture

CASES = (
    # width, space-to-depth factor, refinement channels, slices of a window, plane of the network's
    # grid, scale of the plane
    (16, (1, 1, 1), 0, 20, (102, 51), 10),
    (16, (1, 1, 1), 0, 20, (204, 102), 5),
    (8, (1, 1, 1), 0, 16, (256, 128), 4),
    (16, (1, 1, 1), 0, 16, (256, 128), 4),
    (32, (1, 1, 1), 0, 16, (256, 128), 4),
    (8, (1, 1, 1), 0, 16, (512, 256), 2),
    (64, (1, 1, 1), 0, 16, (128, 64), 4),
    (16, (2, 3, 2), 0, 40, (256, 128), 4),
    (16, (2, 3, 2), 0, 24, (256, 128), 4),
    (16, (2, 3, 2), 16, 40, (256, 128), 4),
    (16, (2, 3, 2), 16, 24, (256, 128), 4),
)
GIB = 2**30
LENGTH = 40


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", type=int, help="number of one case")
    options = parser.parse_args(arguments)
    cases = CASES if options.only is None else [CASES[options.only]]
    from amcnet.networks import Architecture

    rows = [
        measure(
            Architecture(width=width, space_to_depth=factor, refinement_channels=refinement), *rest
        )
        for width, factor, refinement, *rest in cases
    ]
    print(report(rows))
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def report(rows: list[dict[str, Any]]) -> str:
    """Return the figures as Markdown."""
    header = (
        "width | space-to-depth | refinement | window | volume | planned, GiB | taken, GiB "
        "| planned / taken"
    )
    lines = [f"| {header} |"]
    lines.append("|---" * 8 + "|")
    for row in rows:
        factor, window, volume = (
            " x ".join(map(str, row[key])) for key in ("space_to_depth", "window", "volume")
        )
        planned, taken = row["planned_bytes"] / GIB, row["taken_bytes"] / GIB
        lines.append(
            f"| {row['width']} | {factor} | {row['refinement_channels']} | {window} | {volume} "
            f"| {planned:.2f} | {taken:.2f} | {planned / taken:.2f} |"
        )
    return "\n".join(lines)


def measure(
    architecture: "Architecture", slices: int, plane: tuple[int, int], scale: int
) -> dict[str, Any]:
    """Return the figures of a case."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder) / "model", architecture, slices)
        case = json.dumps([str(Path(folder) / "model"), plane, scale])
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        command = [sys.executable, "-c", CHILD, case]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    own = {
        "width": architecture.width,
        "space_to_depth": architecture.options["space_to_depth"],
        "refinement_channels": architecture.options["refinement_channels"],
    }
    return {**own, "window": (slices, *plane), **found}


def write_model(folder: Path, architecture: "Architecture", slices: int) -> None:
    from amcnet.anatomy import hand_label_table
    from amcnet.bundle import BundleDescription, Provenance
    from amcnet.bundle.bundle_writing import write_bundle
    from amcnet.data import Preprocessing
    from amcnet.networks import build_network

    description = BundleDescription(
        name="untrained",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=(1, 1, 1)),
        window=slices,
        labels=hand_label_table().to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    write_bundle(folder, build_network(architecture), description)


CHILD = f"""
import json, sys, threading, time
from dataclasses import replace
import numpy as np, psutil
from amcnet.inference import Segmenter
from amcnet.inference.memory_plan import Workload
from amcnet.inference.quality_presets import choose_windows
from amcnet.io import volume_from_array

model, plane, scale = json.loads(sys.argv[1])
segmenter = Segmenter(model, backend="openvino")
shape = ({LENGTH}, *(n * scale for n in plane))
array = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
prepared = segmenter.prepare([volume_from_array(array, (1, 1 / scale, 1 / scale))])
description = segmenter.bundle.description
weights = 2 * segmenter.bundle.path("model.safetensors").stat().st_size
needs, classes = description.network_needs, description.architecture.num_classes
work = Workload(prepared.image.shape[1:], shape, needs, classes, (weights,))
windows = replace(
    choose_windows("balanced", description.window, (), needs.space_to_depth),
    ahead=True,
)
process = psutil.Process()
before, peak = process.memory_info().rss, 0
done = threading.Event()

def watch():
    global peak
    while not done.wait(0.005):
        peak = max(peak, process.memory_info().rss)

watcher = threading.Thread(target=watch)
watcher.start()
segmenter.label(prepared, cleanup=False)
done.set()
watcher.join()
print(json.dumps({{
    "volume": shape, "planned_bytes": work.need_bytes(windows), "taken_bytes": peak - before,
}}))
"""


if __name__ == "__main__":
    main()
