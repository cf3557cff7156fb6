"""Write docs/phantom-figures.md from the committed results.

    python benchmarks/phantom_speed.py --json results/phantom_speed.json
    python studies/phantom_statistics.py --json results/phantom_statistics.json \
        --plot docs/pictures/phantom-statistics.png
    python -m tools.model_page datasets/unseen --json results/gap_complete.json
    python -m tools.model_page datasets/unseen-full --json results/gap_full.json
    python -m tools.phantom_page

The gap files hold the scores of the model that was trained on the first version of the phantom: on
that version (gap_first_form.json), on current phantoms and on phantoms with --variety full.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks import phantom_speed
from studies import phantom_statistics

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "phantom-figures.md"
GAP = {
    "first version, as in its training": "gap_first_form.json",
    "current phantom": "gap_complete.json",
    "current phantom, --variety full": "gap_full.json",
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

Written by `python -m tools.phantom_page` from `results/`; do not edit. That
script begins with the commands that made the results.

## Speed and memory

One phantom, median of {speed["repeat"]} runs, {machine["processors"]} processors
({machine["system"].split("-")[0]}, Python {machine["python"]}).

{phantom_speed.table(speed)}

## Intensities

Slices with at least five structures, {statistics["grid"]} grid, and the ranges of real slices.

{phantom_statistics.table(statistics)}

## Scores of a model trained on the first version of the phantom

The model was trained on an earlier version of the phantom (simpler bones, fewer terms of the
ultrasound). Its scores on ten unseen phantoms each show the gap between two renderers.

{gap_table()}
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
