"""Time of one window of the bundled model in the precisions that OpenVINO offers.

    python studies/precision.py datasets/unseen --json results/precision.json

The precisions take turns, so that other load on the machine affects all of them equally. The
agreement of their labels with those of float32 is measured on the network's grid, before the
clean-up.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from amcnet.bundle import load_bundle
from amcnet.bundle.description import IR_FILE
from amcnet.data import read_dataset
from amcnet.data.channels import network_input
from amcnet.inference.labelling import winners
from amcnet.inference.quality_presets import choose_windows
from amcnet.inference.stream import stream_logits
from amcnet.io import read_volume
from amcnet.metrics import evaluate_case
from amcnet.runtime.openvino import openvino

WINDOWS = (
    (204, 154, 102),
    (122, 154, 102),
)  # the whole hand, and the shortest window of the training
ROUNDS = 5
NAMES = {"f32": "FP32", "bf16": "BF16", "f16": "FP16"}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--cases", type=int, default=4, help="only the first N cases")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    core = openvino().Core()
    offered = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precisions = [name for name, offer in NAMES.items() if offer in offered]
    rows = [measure(core, options.model, window, precisions) for window in WINDOWS]
    results = {
        "processor": core.get_property("CPU", "FULL_DEVICE_NAME"),
        "windows": rows,
        "dice_to_f32": agreement(core, options, precisions),
    }
    print(report(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def requests_for(
    core: Any,  # noqa: ANN401
    model: str | None,
    window: tuple[int, ...],
    precisions: list[str],
) -> dict[str, Any]:
    """Return an inference request for each precision."""
    network = core.read_model(load_bundle(model).path(IR_FILE))
    network.reshape([1, 1, *window])
    requests = {}
    for name in precisions:
        hints = {"INFERENCE_PRECISION_HINT": name, "PERFORMANCE_HINT": "LATENCY"}
        requests[name] = core.compile_model(network, "CPU", hints).create_infer_request()
    return requests


def agreement(
    core: Any,  # noqa: ANN401
    options: argparse.Namespace,
    precisions: list[str],
) -> dict[str, list[float]]:
    """Return the macro Dice between the labels of each precision and float32, case by case."""
    description = load_bundle(options.model).description
    windows = choose_windows("balanced", description.window, description.mirror_axes)
    classes = description.architecture.num_classes
    found: dict[str, list[float]] = {name: [] for name in precisions}
    for case in read_dataset(options.dataset).cases[: options.cases]:
        image = network_input([read_volume(case.images[0])], description.preprocessing)
        shape = (windows.slices, *image.shape[2:])
        labels = {}
        for name, request in requests_for(core, options.model, shape, precisions).items():
            logits = stream_logits(image, windows, classes, partial(run, request))
            labels[name] = np.stack([winners(plane) for plane in logits])
            scores = evaluate_case(
                labels["f32"], labels[name], description.preprocessing.spacing_mm, classes
            )
            found[name].append(scores.summary["dice_macro"])
    return found


def run(request: Any, window: np.ndarray) -> np.ndarray:  # noqa: ANN401
    logits: np.ndarray = request.infer({0: window[None]})[0][0]
    return logits


def measure(
    core: Any,  # noqa: ANN401
    model: str | None,
    window: tuple[int, int, int],
    precisions: list[str],
) -> dict[str, Any]:
    """Return the seconds of a window in each precision."""
    image = np.random.default_rng(0).standard_normal((1, 1, *window)).astype(np.float32)
    requests = requests_for(core, model, window, precisions)
    for request in requests.values():
        request.infer({0: image})
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
    dice = results["dice_to_f32"]
    lines += [
        "",
        f"Macro Dice to the labels of float32, lowest of {len(dice['f32'])} phantoms: "
        + ", ".join(f"{name} {min(all_):.4f}" for name, all_ in dice.items() if name != "f32")
        + ".",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
