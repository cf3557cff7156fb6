"""Time of one window of the bundled model in the precisions that OpenVINO offers.

    python benchmarks/precision.py --json benchmarks/results/precision.json

The precisions take turns, so that other work on the machine meets them alike.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from amcnet.bundle import load_bundle
from amcnet.bundle.description import IR_FILE
from amcnet.inference.openvino_runtime import openvino

WINDOWS = ((20, 102, 51), (16, 256, 128))
ROUNDS = 9
NAMES = {"f32": "FP32", "bf16": "BF16", "f16": "FP16"}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    core = openvino().Core()
    offered = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precisions = [name for name, offer in NAMES.items() if offer in offered]
    rows = [measure(core, options.model, window, precisions) for window in WINDOWS]
    results = {"processor": core.get_property("CPU", "FULL_DEVICE_NAME"), "windows": rows}
    print(report(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(
    core: Any,  # noqa: ANN401
    model: str | None,
    window: tuple[int, int, int],
    precisions: list[str],
) -> dict[str, Any]:
    """Return the seconds of a window in each precision."""
    network = core.read_model(load_bundle(model).path(IR_FILE))
    network.reshape([1, 1, *window])
    image = np.random.default_rng(0).standard_normal((1, 1, *window)).astype(np.float32)
    requests = {}
    for name in precisions:
        hints = {"INFERENCE_PRECISION_HINT": name, "PERFORMANCE_HINT": "LATENCY"}
        requests[name] = core.compile_model(network, "CPU", hints).create_infer_request()
        requests[name].infer({0: image})
    seconds: dict[str, list[float]] = {name: [] for name in precisions}
    for _ in range(ROUNDS):
        for name, request in requests.items():
            start = time.perf_counter()
            request.infer({0: image})
            seconds[name].append(time.perf_counter() - start)
    return {"window": window, "seconds": {name: median(all_) for name, all_ in seconds.items()}}


def report(results: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    names = list(results["windows"][0]["seconds"])
    lines = [f"| {results['processor']} | " + " | ".join(f"{name}, s" for name in names) + " |"]
    lines.append("|---" * (1 + len(names)) + "|")
    for row in results["windows"]:
        text = " x ".join(map(str, row["window"]))
        lines.append(f"| {text} | " + " | ".join(f"{row['seconds'][n]:.3f}" for n in names) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
