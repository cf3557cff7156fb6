"""Score the bundled model on phantoms that it has never seen, and write its model card.

    amcnet phantom --count 26 --seed 840000 --grid full --out datasets/unseen-26
    amcnet phantom --count 10 --seed 800000 --variety full --out datasets/unseen-full
    for data in datasets/unseen-26 datasets/unseen-full; do
        amcnet segment $data/imagesTr -o $data/found
        amcnet evaluate $data/labelsTr $data/found --json $data/scores.json
    done
    python -m tools.model_page datasets/unseen-26/scores.json datasets/unseen-full/scores.json

writes the results of all cases to results/model-{complete,variety}.json, the page
docs/model-scores.md and the curve docs/pictures/training-curve.png (of model.json). Without
arguments, only page and curve are generated, from the committed results of this script, of
error_parts.py, surface_errors.py, other_origin.py, far_side_ceiling.py, scan_direction.py,
model_ablation.py and predicted_dice.py, and of benchmarks/inference.py.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.bundle import Provenance, load_bundle
from amcnet.report.statistics_table import statistics_table
from amcnet.training.history import write_curves
from studies import model_ablation
from tools.model_targets import Cases, Measured, further_targets, targets

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "model-scores.md"
CURVE = ROOT / "docs" / "pictures" / "training-curve.png"
COMPLETE, VARIETY = RESULTS / "model-complete.json", RESULTS / "model-variety.json"
ORIGIN, PARTS = RESULTS / "other_origin.json", RESULTS / "error_parts.json"
SIDES = RESULTS / "surface_errors.json"
CEILING = RESULTS / "far_side_ceiling.json"
DIRECTION = RESULTS / "scan_direction.json"
ABLATION = RESULTS / "model_ablation.json"
VERDICTS = RESULTS / "predicted_dice.json"
TIMES = RESULTS / "inference.json"
DIGITS = 5

PER_STRUCTURE = ("dice", "hd95_missed_as_10mm_mm", "length_error_mm")


def rounded(value: Any) -> Any:  # noqa: ANN401
    """Return plain data with all numbers rounded."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def keep(scores: Path, target: Path) -> None:
    """Write a shortened output of ``amcnet evaluate``, together with the model."""
    cases = rounded(json.loads(scores.read_text(encoding="utf-8"))["cases"])
    written = {"sha256": load_bundle().description.sha256["model.safetensors"], "cases": cases}
    target.write_text(json.dumps(written, separators=(",", ":")) + "\n", encoding="utf-8")


def structures(cases: Cases) -> Iterator[str]:
    """Yield the table of the structures, each mean with its interval."""
    table = statistics_table(cases, PER_STRUCTURE)
    rows: dict[str, list[str]] = {}
    for _, level, name, _, mean, _, _, low, high in table.rows:
        if level == "structure":
            rows.setdefault(str(name), []).append(f"{mean:.3f} ({low:.3f} to {high:.3f})")
    yield "| structure | Dice | HD95, mm, missed = 10 | length error, mm |"
    yield "|---|---|---|---|"
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())


def each_case(cases: Cases) -> Iterator[str]:
    """Yield the table of the cases, the worst first."""
    yield "| case | Dice | bones | epiphyses | HD95, mm, missed = 10 | found |"
    yield "|---|---|---|---|---|---|"
    for name, case in sorted(cases.items(), key=lambda item: item[1]["summary"]["dice_macro"]):
        summary = case["summary"]
        kinds = (f"{summary['by_kind'][kind]['dice_macro']:.3f}" for kind in ("bone", "epiphysis"))
        yield (
            f"| {name} | {summary['dice_macro']:.3f} | {' | '.join(kinds)} | "
            f"{summary['hd95_macro_missed_as_10mm_mm']:.2f} | {summary['detection_rate']:.3f} |"
        )


def error_parts(results: dict[str, Any]) -> Iterator[str]:
    """Yield the parts of the errors."""
    mean = results["mean"]
    hands = len(results["cases"])
    yield f"Dice of the first stage alone on {hands} unseen phantoms (`{results['data']}`):"
    yield ""
    yield "| as it is | with right names | right voxels, nearest name | its grid alone |"
    yield "|---|---|---|---|"
    keys = ("as it is", "right names", "right voxels", "grid alone")
    yield "| " + " | ".join(f"{mean[key]:.3f}" for key in keys) + " |"
    yield ""
    yield f"Of the voxels that are labelled in both, {mean['other names']:.1%} have another name."


def sides(results: dict[str, Any]) -> Iterator[str]:
    """Yield the errors of each side of the structures."""
    spread = results["spread of a case's offset"]
    yield f"{len(results['cases'])} hands (`{results['data']}`), `studies/surface_errors.py`:"
    yield ""
    keys = ("as it is", "near side true", "far side true", "outline true", "near mm", "far mm")
    yield "| structures | " + " | ".join(keys) + " |"
    yield "|---" * 7 + "|"
    for kind, mean in results["mean"].items():
        yield f"| {kind} | " + " | ".join(f"{mean[key]:.3f}" for key in keys) + " |"
    yield ""
    yield (
        "Dice of the result, and Dice with one part replaced by the truth; the last two columns "
        "are mean distances along the beam. The mean offset of a whole hand varies by "
        f"{spread['near mm']:.2f} mm (near) and {spread['far mm']:.2f} mm (far) from hand to "
        "hand (standard deviation)."
    )


def ceiling(results: dict[str, Any], today: dict[str, Any]) -> Iterator[str]:
    """Yield how well the far side can be known at all, compared with the model."""
    yield (
        "The far side of a bone lies in its own shadow. A ridge regression that is given the true "
        "near surface, the true outline and the outlines of the neighbours predicts the thickness "
        f"of every column (`studies/far_side_ceiling.py`, fitted on {results['hands']} hands of "
        f"full variety, scored on {len(results['cases'])} other hands on half the grid). Its Dice "
        "shows what shape alone allows when everything else is right; a better regressor, or "
        "echoes from the shadow, can only raise it. The target of 0.90 lies below it."
    )
    yield ""
    yield "| structures | Dice with predicted far side | far side, mm | far side of the model, mm |"
    yield "|---|---|---|---|"
    for kind in ("all", "bone", "epiphysis"):
        dice, far = (results["mean"][f"{kind} {key}"] for key in ("dice", "far mm"))
        yield f"| {kind} | {dice:.3f} | {far:.3f} | {today['mean'][kind]['far mm']:.3f} |"


def directions(results: dict[str, Any]) -> Iterator[str]:
    """Yield the scores of the same hands scanned from either end."""
    cases = list(results["cases"].values())
    names = list(cases[0]["forwards"])
    yield f"{len(cases)} hands on half the grid; see `studies/scan_direction.py`."
    yield ""
    yield "| scanned from | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    for way, end in (("forwards", "fingertips"), ("backwards", "wrist")):
        cells = (f"{np.mean([case[way][name] for case in cases]):.3f}" for name in names)
        yield f"| {end} | " + " | ".join(cells) + " |"


def ablation(results: dict[str, Any]) -> Iterator[str]:
    """Yield the scores of first stages and refiners in all combinations."""
    yield (
        f"The same {len(results['conditions']['hands'])} hands on half the grid, see "
        "`studies/model_ablation.py`. *direction-free*: first stages that were also trained on "
        "hands scanned from the wrist (`configs/whole-hand-5.toml`, `configs/whole-hand-7.toml`). "
        "*refine-2* was trained for longer than *refine-1*, on hands that the first stage had not "
        "seen, with synthetic images of the labels; *refine-3* is wider, with one level more; "
        "*refine-6* is as wide, and was trained with labels that are too large or too small on "
        "more hands and for three times as many steps. In the last column, the scan "
        "axis is reversed and the axes are not searched."
    )
    yield ""
    yield model_ablation.text_of(results["rows"])


def origins(results: dict[str, Any]) -> Iterator[str]:
    """Yield the scores on data of another origin than the training data."""
    yield f"{results['cases']} hands on half the grid; see `studies/other_origin.py`."
    yield ""
    yield "| hands | Dice | bones | epiphyses | found |"
    yield "|---|---|---|---|---|"
    for way, part in results["ways"].items():
        kinds = (part["by_kind"][kind]["dice_macro"] for kind in ("bone", "epiphysis"))
        figures = (part["dice_macro"], *kinds, part["detection_rate"])
        yield f"| {way} | " + " | ".join(f"{value:.3f}" for value in figures) + " |"


def curve(provenance: Provenance | None) -> list[dict[str, float]]:
    """Return the rows of a training and its predecessors, with consecutive steps."""
    if provenance is None:
        return []
    rows = curve(provenance.before)
    done = rows[-1]["step"] if rows else 0
    return [*rows, *({**row, "step": row["step"] + done} for row in provenance.curve)]


def page(read: dict[Path, dict[str, Any]]) -> str:
    """Return the scores as Markdown."""
    cases = read[COMPLETE]["cases"]
    parts = {
        "": targets(cases, read[VARIETY]["cases"]),
        "Further targets": further_targets(
            Measured(
                read[VARIETY]["cases"], *(read[p] for p in (ORIGIN, DIRECTION, VERDICTS, TIMES))
            )
        ),
        "Composition of the errors": error_parts(read[PARTS]),
        "Misplaced sides": sides(read[SIDES]),
        "Limits of the far side": ceiling(read[CEILING], read[SIDES]),
        "Hands and ultrasound of other origin": origins(read[ORIGIN]),
        "Scan direction": directions(read[DIRECTION]),
        "Ablation": ablation(read[ABLATION]),
        "Structures": structures(cases),
        "Cases": each_case(cases),
    }
    lines = [
        "# Scores of the bundled model",
        "",
        "Written by `python -m tools.model_page`; do not edit. Weights SHA-256 "
        f"`{read[COMPLETE]['sha256'][:16]}...`, with the refiner. Unseen phantoms throughout, "
        "evaluated at the resolution of the volume: means over the structures of a case, then over "
        "cases, with 95 % intervals (bootstrap over cases).",
    ]
    for title, part in parts.items():
        lines += ["", *([f"## {title}", ""] if title else []), *part]
    return "\n".join(lines) + "\n"


def committed_results() -> dict[Path, dict[str, Any]]:
    """Return the content of all results on the page, by file."""
    return {
        path: json.loads(path.read_text(encoding="utf-8"))
        for path in (
            *(COMPLETE, VARIETY, ORIGIN, PARTS, SIDES, CEILING),
            *(DIRECTION, ABLATION, VERDICTS, TIMES),
        )
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, nargs="*", help="complete hands, full variety")
    arguments = parser.parse_args()
    for scores, target in zip(arguments.scores, (COMPLETE, VARIETY), strict=False):
        keep(scores, target)
    read = committed_results()
    scored = [results["sha256"] for results in read.values() if "sha256" in results]
    if len(models := set(scored)) > 1:
        parser.error(f"the results are of {len(models)} models, expected one")
    PAGE.write_text(page(read), encoding="utf-8")
    write_curves(curve(load_bundle().description.provenance), CURVE)


if __name__ == "__main__":
    main()
