"""Tables of the bundled model's targets on its page of scores."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from amcnet.metrics.statistics import describe

Cases = dict[str, dict[str, Any]]

# Name, key in a case's summary, kind, the paper's result for its best row (or its follow-up),
# target, whether higher is better.
TARGETS = (
    ("Dice", "dice_macro", None, "0.900 (pooled)", 0.90, True),
    ("Jaccard", "jaccard_macro", None, "0.819 (pooled)", 0.82, True),
    ("recall", "recall_macro", None, "0.875", 0.90, True),
    ("F1", "f1_macro", None, "0.803", 0.90, True),
    ("HD95, mm, missed = 10", "hd95_macro_missed_as_10mm_mm", None, "0.695 (skipped)", 0.50, False),
    ("Dice of epiphyses", "dice_macro", "epiphysis", "0.6 to 0.8", 0.86, True),
    ("length error of epiphyses, mm", "length_error_mm", "epiphysis", "0.87", 0.45, False),
    ("length error of bones, mm", "length_error_mm", "bone", "2.07", 0.4, False),
    ("found (Dice of 0.5 or more)", "detection_rate", None, "-", 0.997, True),
)


class Measured(NamedTuple):
    """Results that further targets are compared with.

    Attributes:
        variety: Evaluation of hands of full variety.
        origin: Results of other_origin.py.
        direction: Results of scan_direction.py.
        verdicts: Results of predicted_dice.py.
        times: Results of benchmarks/inference.py.
    """

    variety: Cases
    origin: dict[str, Any]
    direction: dict[str, Any]
    verdicts: dict[str, Any]
    times: dict[str, Any]


def values_of(cases: Cases, key: str, kind: str | None) -> list[float]:
    """Return a metric of all cases; NaN for cases without a value."""
    summaries = (case["summary"] for case in cases.values())
    parts = (summary if kind is None else summary["by_kind"][kind] for summary in summaries)
    return [float("nan") if part[key] is None else part[key] for part in parts]


def targets(cases: Cases, other: Cases) -> Iterator[str]:
    """Yield the table of all targets."""
    yield (
        f"| | paper's own data | target | {len(cases)} complete hands, full size | met | "
        f"{len(other)} hands of full variety |"
    )
    yield "|---" * 6 + "|"
    for name, key, kind, paper, target, more in TARGETS:
        cells = [name, paper, f"{target:g}"]
        found = describe(np.array(values_of(cases, key, kind)))
        value = found.mean or 0.0
        interval = f"{value:.3f} ({found.low:.3f} to {found.high:.3f})"
        cells += [interval, _yes_if_met(value, target, more)]
        cells.append(f"{np.nanmean(values_of(other, key, kind)):.3f}")
        yield f"| {' | '.join(cells)} |"


def further_targets(measured: Measured) -> Iterator[str]:
    """Yield the table of the targets that other studies measure."""
    variety = float(np.nanmean(values_of(measured.variety, "dice_macro", None)))
    origin = {way: part["dice_macro"] for way, part in measured.origin["ways"].items()}
    ends = [
        abs(case["forwards"]["dice"] - case["backwards"]["dice"])
        for case in measured.direction["cases"].values()
    ]
    verdict = measured.verdicts["groups"]["as they are"]["verdict"]
    time = measured.times["amcnet"]
    rows = (
        ("Dice, full variety", variety, 0.84, True),
        ("Dice, other origin: warped", origin["warped"], 0.78, True),
        ("Dice, other origin: redrawn", origin["redrawn"], 0.80, True),
        ("Dice, other origin: both", origin["warped and redrawn"], 0.70, True),
        ("Dice, largest difference between scan directions", max(ends), 0.01, False),
        ("structures with a Dice below 0.5 that the verdict names", verdict["named"], 0.8, True),
        ("false alarms of the verdict", verdict["false_alarms"], 0.05, False),
        ("amcnet segment, 609 x 1023 x 512, without AVX-512, s", time["seconds"], 15, False),
        ("its additional memory, GB", time["peak_bytes"] / 1e9, 2, False),
    )
    yield "| | | target | met |"
    yield "|---|---|---|---|"
    for name, value, target, more in rows:
        yield f"| {name} | {value:.3f} | {target:g} | {_yes_if_met(value, target, more)} |"


def _yes_if_met(value: float, target: float, higher_is_better: bool) -> str:
    return "yes" if (value >= target if higher_is_better else value <= target) else "no"
