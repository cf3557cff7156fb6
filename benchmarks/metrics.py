"""Evaluate one pair of label files with amcnet and with other libraries, for comparison.

    pip install --target peers -r benchmarks/requirements-metrics.txt
    PYTHONPATH=peers python benchmarks/metrics.py REFERENCE PREDICTION

prints a table and writes results/metrics.json, or the file given with --json. The libraries run one
after another, each in a separate process; libraries that are not installed are skipped. The others
take masks of the whole volume, structure by structure, for a few structures (--structures), and
their time is scaled to all; MedPy, which does not crop, gets the box around a structure instead.
amcnet processes all structures, including lengths and summaries. Seconds are the best of three runs
for amcnet, one run for the others; memory is the maximum in addition to the two label arrays and
the imports.
"""

import argparse
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from amcnet.anatomy import hand_label_table
from amcnet.io import read_labels
from amcnet.labelmaps.region_finding import find_regions
from amcnet.metrics import evaluate_case, surface_distances

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "metrics.json"
TOLERANCE_MM = 0.5
SURFACE_DICE = f"surface_dice_{TOLERANCE_MM:g}mm"
MIB = 2**20
Mask = np.ndarray
Scores = dict[str, float]
Scorer = Callable[[Mask, Mask, tuple[float, ...]], Scores]


def monai_scorer() -> Scorer:
    import torch
    from monai import metrics

    def score(reference: Mask, prediction: Mask, spacing_mm: tuple[float, ...]) -> Scores:
        sides = {"y_pred": prediction, "y": reference}
        pair = {key: torch.from_numpy(mask)[None, None] for key, mask in sides.items()}
        in_mm = pair | {"include_background": True, "spacing": spacing_mm}
        return {
            "dice": metrics.compute_dice(**pair).item(),
            "hd95_mm": metrics.compute_hausdorff_distance(**in_mm, percentile=95).item(),
            "assd_mm": metrics.compute_average_surface_distance(**in_mm, symmetric=True).item(),
            SURFACE_DICE: metrics.compute_surface_dice(
                **in_mm, class_thresholds=[TOLERANCE_MM]
            ).item(),
        }

    return score


def medpy_scorer() -> Scorer:
    from medpy.metric import binary

    def score(reference: Mask, prediction: Mask, spacing_mm: tuple[float, ...]) -> Scores:
        return {
            "dice": float(binary.dc(prediction, reference)),
            "hd95_mm": float(binary.hd95(prediction, reference, spacing_mm)),
            "assd_mm": float(binary.assd(prediction, reference, spacing_mm)),
        }

    return score


def surface_distance_scorer() -> Scorer:
    import surface_distance as peer

    def score(reference: Mask, prediction: Mask, spacing_mm: tuple[float, ...]) -> Scores:
        distances = peer.compute_surface_distances(reference, prediction, spacing_mm)
        return {
            "dice": float(peer.compute_dice_coefficient(reference, prediction)),
            "hd95_mm": float(peer.compute_robust_hausdorff(distances, 95)),
            "assd_mm": float(np.mean(peer.compute_average_surface_distance(distances))),
            SURFACE_DICE: float(peer.compute_surface_dice_at_tolerance(distances, TOLERANCE_MM)),
        }

    return score


PEERS = {
    "monai": monai_scorer,
    "medpy": medpy_scorer,
    "surface-distance": surface_distance_scorer,
}


@contextmanager
def measured(figures: dict[str, float]) -> Iterator[None]:
    """Add ``seconds``, ``cpu_seconds`` and ``peak_mib``, the increase of the peak memory."""
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    most = [before]

    def watch() -> None:
        while not done.wait(0.002):
            most[0] = max(most[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, cpu_start = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        figures["seconds"] = time.perf_counter() - start
        figures["cpu_seconds"] = time.process_time() - cpu_start
        done.set()
        watcher.join()
        figures["peak_mib"] = (most[0] - before) / MIB


def masks(
    tool: str, reference: np.ndarray, prediction: np.ndarray, value: int
) -> tuple[Mask, Mask]:
    """Return the masks of a structure; for MedPy only the box around both, or it takes minutes."""
    if tool == "medpy":
        places = np.argwhere((reference == value) | (prediction == value))
        low, high = np.maximum(places.min(axis=0) - 1, 0), places.max(axis=0) + 2
        box = tuple(map(slice, low, high))
        reference, prediction = reference[box], prediction[box]
    return reference == value, prediction == value


def run_tool(tool: str, folder: Path) -> dict[str, Any]:
    """Return time, memory and scores of a library; runs in a child process."""
    reference, prediction = (
        np.load(folder / f"{side}.npy") for side in ("reference", "prediction")
    )
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    spacing_mm, figures = tuple(task["spacing_mm"]), {}
    if tool.startswith("amcnet"):
        table = hand_label_table()
        threads = 1 if tool == "amcnet, one thread" else None
        arguments = (spacing_mm, table.num_classes, table, TOLERANCE_MM, threads)
        if tool == "amcnet, stray voxels":
            prediction = with_stray_voxels(prediction, table.num_classes)
        tiny = np.ones((2, 2, 2), np.uint8)
        evaluate_case(tiny, tiny, *arguments)  # imports
        with measured(figures):
            result = evaluate_case(reference, prediction, *arguments)
        for _ in range(2):
            again: dict[str, float] = {}
            with measured(again):
                evaluate_case(reference, prediction, *arguments)
            for key in ("seconds", "cpu_seconds"):
                figures[key] = min(figures[key], again[key])
        return figures | {"result": result.to_json()}
    score = PEERS[tool]()
    with measured(figures):
        scores = {
            value: score(*masks(tool, reference, prediction, value), spacing_mm)
            for value in task["values"]
        }
    return figures | {"scores": scores, "version": importlib.metadata.version(tool)}


def with_stray_voxels(labels: np.ndarray, classes: int, count: int = 20000) -> np.ndarray:
    """Return labels with voxels of all classes scattered over the volume."""
    rng, strewn = np.random.default_rng(0), labels.copy()
    strewn.reshape(-1)[rng.integers(0, labels.size, count)] = rng.integers(1, classes, count)
    return strewn


def in_process(tool: str, folder: Path) -> dict[str, Any]:
    print(tool, file=sys.stderr, flush=True)
    target = folder / "answer.json"
    command = [sys.executable, __file__, "--tool", tool, "--folder", str(folder)]
    subprocess.run([*command, "--json", str(target)], check=True)
    return json.loads(target.read_text(encoding="utf-8"))


def is_installed(peer: str) -> bool:
    try:
        importlib.metadata.version(peer)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def compare(reference: Path, prediction: Path, structures: int) -> dict[str, Any]:
    """Run all libraries on a pair of files."""
    table = hand_label_table()
    truth, judged = (read_labels(path, table) for path in (reference, prediction))
    sides = {"reference": truth.array, "prediction": judged.array}
    present = np.intersect1d(*(np.unique(labels) for labels in sides.values()))[1:]
    chosen = present[np.linspace(0, len(present) - 1, structures).round().astype(int)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side, labels in sides.items():
            np.save(folder / f"{side}.npy", labels)
        task = {"spacing_mm": truth.spacing_mm, "values": chosen.tolist()}
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
        ours = {
            tool: in_process(tool, folder)
            for tool in ("amcnet", "amcnet, one thread", "amcnet, stray voxels")
        }
        peers = {peer: in_process(peer, folder) for peer in PEERS if is_installed(peer)}
    rows = {row["label"]: row for row in ours["amcnet"]["result"]["structures"]}
    by_peer_rules = {"medpy": medpy_rules(sides, truth.spacing_mm, chosen.tolist())}
    alike = ours["amcnet"]["result"] == ours["amcnet, one thread"]["result"]
    return {
        "reference": reference.name,
        "prediction": prediction.name,
        "shape": list(truth.array.shape),
        "structures": len(present),
        "processors": len(psutil.Process().cpu_affinity() or ()) or psutil.cpu_count(),
        "same_result_with_one_thread": alike,
        "amcnet": {tool: _rounded(figures) for tool, figures in ours.items()},
        "peers": {
            peer: {"version": figures["version"]}
            | _rounded(figures)
            | scaled(figures, len(present), ours["amcnet"]["seconds"])
            | {"largest_difference": differences(figures["scores"], rows)}
            | (
                {"of_its_rules": differences(figures["scores"], by_peer_rules[peer])}
                if peer in by_peer_rules
                else {}
            )
            for peer, figures in peers.items()
        },
    }


def medpy_rules(
    sides: dict[str, np.ndarray], spacing_mm: tuple[float, ...], values: list[int]
) -> dict[int, Scores]:
    """Return MedPy's HD95 computed from amcnet's distances: both directions pooled."""
    classes = hand_label_table().num_classes
    truth, judged = (find_regions(side, classes, np.array(spacing_mm)) for side in sides.values())
    scores = {}
    for value in values:
        one, other = truth[value - 1], judged[value - 1]
        found = surface_distances(one.surface_mm, other.surface_mm)
        directed = (found.reference_to_prediction_mm, found.prediction_to_reference_mm)
        scores[value] = {
            "hd95_mm": float(np.percentile(np.concatenate(directed), 95)),
        }
    return scores


def differences(scores: dict[str, Scores], rows: dict[int, Any]) -> dict[str, float]:
    """Return the largest absolute difference by metric."""
    keys = next(iter(scores.values()))
    return {
        key: float(f"{max(abs(s[key] - rows[int(v)][key]) for v, s in scores.items()):.2g}")
        for key in keys
        if key in next(iter(rows.values()))
    }


def scaled(figures: dict[str, Any], structures: int, ours_seconds: float) -> dict[str, float]:
    seconds = figures["seconds"] / len(figures["scores"]) * structures
    return {
        "structures_run": len(figures["scores"]),
        "seconds_all_structures_scaled": round(seconds, 1),
        "times_amcnet": round(seconds / ours_seconds, 1),
    }


def _rounded(figures: dict[str, Any]) -> dict[str, float]:
    times = {key: round(figures[key], 2) for key in ("seconds", "cpu_seconds")}
    return times | {"peak_mib": round(figures["peak_mib"])}


def report(results: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    heads = [
        "library",
        "structures",
        "s",
        "CPU s",
        "s, all",
        "times amcnet",
        "MiB",
        "largest differences",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for tool, figures in results["amcnet"].items():
        seconds, count = figures["seconds"], results["structures"]
        lines.append(
            f"| {tool} | {count} | {seconds} | {figures['cpu_seconds']} | {seconds} | "
            f"| {figures['peak_mib']} | |"
        )
    for peer, row in results["peers"].items():
        off = ", ".join(f"{key} {value:g}" for key, value in row["largest_difference"].items())
        lines.append(
            f"| {peer} {row['version']} | {row['structures_run']} | {row['seconds']} "
            f"| {row['cpu_seconds']} | {row['seconds_all_structures_scaled']} "
            f"| {row['times_amcnet']} "
            f"| {row['peak_mib']} | {off} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path, nargs="?")
    parser.add_argument("prediction", type=Path, nargs="?")
    parser.add_argument("--structures", type=int, default=4)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--tool", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tool:
        results = run_tool(options.tool, options.folder)
    elif options.prediction is None:
        parser.error("expected REFERENCE and PREDICTION")
    else:
        results = compare(options.reference, options.prediction, options.structures)
        print(report(results))
        for peer in sorted(PEERS.keys() - results["peers"].keys()):
            print(f"{peer} is not installed, skipped")
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
