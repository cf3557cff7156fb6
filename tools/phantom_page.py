"""Write docs/phantom-figures.md from the committed results.

    python benchmarks/phantom_speed.py --json results/phantom_speed.json
    python studies/phantom_statistics.py --json results/phantom_statistics.json \
        --plot docs/pictures/phantom-statistics.png
    python tools/model_page.py datasets/unseen --json results/gap_complete.json
    python tools/model_page.py datasets/unseen-full --json results/gap_full.json
    python tools/phantom_page.py

The gap files hold what the model trained on the first form of the phantom scores: on that form
(gap_first_form.json), on today's phantoms and on those with --variety full.
"""

import json
from pathlib import Path
from typing import Any

import phantom_speed
import phantom_statistics

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "phantom-figures.md"
GAP = {
    "first form, as in its training": "gap_first_form.json",
    "today's phantom": "gap_complete.json",
    "today's phantom, --variety full": "gap_full.json",
}
GAP_COLUMNS = {
    "bones, Dice": ("bone", "dice_macro"),
    "epiphyses, Dice": ("epiphysis", "dice_macro"),
    "bones, found": ("bone", "detection_rate"),
    "epiphyses, found": ("epiphysis", "detection_rate"),
    "bones, HD95 mm": ("bone", "hd95_macro_mm"),
    "epiphyses, HD95 mm": ("epiphysis", "hd95_macro_mm"),
}


def gap_table() -> str:
    """Return the scores of the earlier model as a Markdown table."""
    lines = ["| phantoms | cases | " + " | ".join(GAP_COLUMNS) + " |"]
    lines.append("|---" * (2 + len(GAP_COLUMNS)) + "|")
    for name, file in GAP.items():
        results = read(file)
        kinds = results["summary"]["by_kind"]
        cells = (f"{kinds[kind][key]:.3f}" for kind, key in GAP_COLUMNS.values())
        lines.append(f"| {name} | {len(results['cases'])} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def read(name: str) -> dict[str, Any]:
    """Return a file of results."""
    results: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return results


def page() -> str:
    """Return the whole page."""
    speed, statistics = read("phantom_speed.json"), read("phantom_statistics.json")
    machine = speed["machine"]
    return f"""# Figures of the phantom

Written by `python tools/phantom_page.py` from `results/`; do not edit. The commands
that made the results stand at the top of that script.

## Speed and memory

One phantom, median of {speed["repeat"]} runs, {machine["processors"]} processors
({machine["system"].split("-")[0]}, Python {machine["python"]}).

{phantom_speed.table(speed)}

## Grey values

Slices with at least five structures, {statistics["grid"]} grid, beside the ranges of real slices.

{phantom_statistics.table(statistics)}

## What a model trained on the first form of the phantom scores

The model that was trained before this form of the phantom existed (simpler bones, fewer terms of
the ultrasound), on ten unseen phantoms each: the size of the gap between two renderers.

{gap_table()}
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
