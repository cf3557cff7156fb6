"""Score the clean-up of label maps: none, largest connected components only, and the package's.

    amcnet phantom --count 10 --seed 800000 --out datasets/unseen
    python studies/cleanup.py datasets/unseen

prints a table and writes results/cleanup.json, or the file given with --json. Each case is
segmented once without clean-up; the variants are then compared on copies of its labels. The seconds
are medians over cases and include the run-length encoding.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from amcnet.anatomy import LabelTable
from amcnet.data import read_dataset
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume
from amcnet.labelmaps.cleanup import clean_up
from amcnet.labelmaps.connected_components import find_components
from amcnet.labelmaps.run_length import RunLengthEncoder, RunLengthEncoding
from amcnet.metrics import evaluate_case, summarise_cases

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "cleanup.json"
SCORES = {"Dice": "dice_macro", "HD95, mm, missed = 10": "hd95_macro_missed_as_10mm_mm"}
Spacing = tuple[float, float, float]


def keep_largest(
    labels: np.ndarray, runs: RunLengthEncoding, table: LabelTable, spacing_mm: Spacing
) -> None:
    """Leave the largest piece of every label; all others become background."""
    pieces = find_components(runs, spacing_mm)
    kept = np.zeros(len(pieces.value), bool)
    for value in np.unique(pieces.value):
        of_value = np.flatnonzero(pieces.value == value)
        kept[of_value[pieces.voxels[of_value].argmax()]] = True
    runs.fill(labels, np.flatnonzero(~kept[pieces.of_run]), 0)


WAYS: dict[str, Callable[[np.ndarray, RunLengthEncoding, LabelTable, Spacing], None] | None] = {
    "none": None,
    "largest piece only": keep_largest,
    "chain and islands": clean_up,
}


def apply(way: str, labels: np.ndarray, table: LabelTable, spacing_mm: Spacing) -> float:
    """Clean labels in place; return the time in seconds."""
    clean = WAYS[way]
    start = time.perf_counter()
    if clean:
        collector = RunLengthEncoder()
        for plane in labels:
            collector.add(plane)
        clean(labels, collector.runs(), table, spacing_mm)
    return time.perf_counter() - start


def score(folder: Path) -> dict[str, Any]:
    """Segment every case of a data set, and score all variants on it."""
    dataset = read_dataset(folder)
    table, segmenter = dataset.table, Segmenter()
    cases: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for case in dataset.cases:
        truth = read_labels(case.labels, table)
        raw = segmenter(read_volume(case.images[0]), cleanup=False).labels
        for way in WAYS:
            labels = raw.copy()
            seconds[way].append(apply(way, labels, table, truth.spacing_mm))
            cases[way].append(
                evaluate_case(truth.array, labels, truth.spacing_mm, table=table).to_json()
            )
        print(case.name, flush=True)
    model = segmenter.bundle.description
    return {
        "model": model.name,
        "sha256": model.sha256["model.safetensors"],
        "data": folder.name,
        "cases": [case.name for case in dataset.cases],
        "ways": {way: _figures(cases[way], seconds[way]) for way in WAYS},
    }


def _figures(cases: list[dict[str, Any]], seconds: list[float]) -> dict[str, Any]:
    by_kind = summarise_cases(cases)["summary"]["by_kind"]
    scores = {
        kind: {key: round(values[key], 4) for key in SCORES.values()}
        for kind, values in by_kind.items()
    }
    per_case = {
        kind: [round(case["summary"]["by_kind"][kind]["dice_macro"], 4) for case in cases]
        for kind in by_kind
    }
    return {"seconds": round(median(seconds), 3), "scores": scores, "dice_by_case": per_case}


def table_of(results: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    ways = results["ways"]
    kinds = list(next(iter(ways.values()))["scores"])
    columns = [(kind, name) for name in SCORES for kind in kinds]
    heads = ["clean-up", *(f"{name}, {kind}" for kind, name in columns), "seconds"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for way, figures in ways.items():
        cells = [f"{figures['scores'][kind][SCORES[name]]:.4f}" for kind, name in columns]
        lines.append("| " + " | ".join([way, *cells, f"{figures['seconds']:.3f}"]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=ROOT / "datasets" / "unseen")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = score(arguments.data)
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table_of(results))


if __name__ == "__main__":
    main()
