"""Score the bundled model on phantoms that it has never seen.

    amcnet phantom --count 10 --seed 800000 --out datasets/unseen
    python benchmarks/bundled_model.py datasets/unseen

prints a table and writes benchmarks/results/bundled_model.json and docs/model-scores.md; with
--from-results it only rewrites the page. With --json PATH the results go to that file instead and
the page stays as it is: for scores on other data, such as phantoms made another way.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from amcnet.data import read_dataset
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume
from amcnet.metrics import evaluate_case, summarise_cases

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "bundled_model.json"
PAGE = ROOT / "docs" / "model-scores.md"
COLUMNS = {
    "Dice": "dice_macro",
    "Jaccard": "jaccard_macro",
    "recall": "recall_macro",
    "precision": "precision_macro",
    "HD95, mm": "hd95_macro_mm",
    "HD95, mm, missed = 10": "hd95_macro_missed_as_10mm_mm",
    "length error, mm": "length_error_mm",
    "found": "detection_rate",
}


def score(folder: Path) -> dict[str, Any]:
    """Segment and evaluate every case of a data set."""
    dataset = read_dataset(folder)
    segmenter = Segmenter()
    cases, seconds = {}, {}
    for case in dataset.cases:
        volume, truth = read_volume(case.images[0]), read_labels(case.labels, dataset.table)
        start = time.perf_counter()
        result = segmenter(volume)
        seconds[case.name] = round(time.perf_counter() - start, 2)
        cases[case.name] = evaluate_case(
            truth.array, result.labels, truth.spacing_mm, dataset.table.num_classes, dataset.table
        )
        by_kind = cases[case.name]["summary"]["by_kind"]
        print(case.name, *(f"{k} {v['dice_macro']:.3f}" for k, v in by_kind.items()), flush=True)
    summary = summarise_cases(list(cases.values()))
    per_case = {
        name: {
            "seconds": seconds[name],
            **{kind: v["dice_macro"] for kind, v in case["summary"]["by_kind"].items()},
        }
        for name, case in cases.items()
    }
    model = segmenter.bundle.description
    return {
        "model": model.name,
        "sha256": model.sha256["model.safetensors"],
        "cases": per_case,
        "summary": summary["summary"],
        "structures": summary["structures"],
    }


def page(results: dict[str, Any]) -> str:
    """Return the scores as Markdown."""
    summary = results["summary"]
    lines = [
        "# Scores of the bundled model",
        "",
        "Written by `python benchmarks/bundled_model.py --from-results` from",
        "`benchmarks/results/bundled_model.json`; do not edit.",
        "",
        f"Model `{results['model']}`, weights SHA-256 `{results['sha256'][:16]}...`, "
        f"{len(results['cases'])} unseen phantoms at network grid. Means over structures, then "
        "over cases.",
        "",
        "| | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, values in {"all": summary, **summary["by_kind"]}.items():
        cells = (values.get(key) for key in COLUMNS.values())
        lines.append(f"| {name} | " + " | ".join(_cell(value) for value in cells) + " |")
    lines += ["", "| case | Dice, bones | Dice, epiphyses |", "|---|---|---|"]
    for name, case in results["cases"].items():
        lines.append(f"| {name} | {_cell(case['bone'])} | {_cell(case['epiphysis'])} |")
    lines += ["", "| structure | Dice | HD95, mm |", "|---|---|---|"]
    for row in results["structures"]:
        lines.append(f"| {row['name']} | {_cell(row['dice'])} | {_cell(row['hd95_mm'])} |")
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=ROOT / "datasets" / "unseen")
    parser.add_argument("--from-results", action="store_true")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not arguments.from_results:
        results = score(arguments.data)
        arguments.json.parent.mkdir(exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = page(json.loads(arguments.json.read_text(encoding="utf-8")))
    if arguments.json == RESULTS:
        PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
