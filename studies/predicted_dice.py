"""Fit and evaluate the Dice coefficients that a model predicts for its own results.

    amcnet phantom --count 30 --seed 840000 --variety full --grid half --out datasets/to-fit
    amcnet phantom --count 12 --seed 841000 --variety full --grid half --out datasets/to-judge
    python -m studies.predicted_dice datasets/to-fit --model MODEL --fit
    python -m studies.predicted_dice datasets/to-judge datasets/unseen-half --model MODEL --evaluate

``--fit`` writes the calibration into the bundle. ``--evaluate`` prints a table and writes
results/predicted_dice.json and docs/pictures/predicted-dice.png. Neither set may contain hands that
the model was trained on. Every third hand is segmented unchanged; the others are distorted first
(studies/distortions.py), because without errors a model cannot be calibrated. ``--cache FOLDER``
keeps the results of each hand for another call with the same weights.

A structure with a Dice below 0.5 is *named* if a finding of severity look or bad lists it, except
the finding on the border of the volume; likewise a structure that is missing altogether.
"""

import argparse
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.bundle import load_bundle, record_calibration
from amcnet.bundle.description import REFINER_WEIGHTS_FILE, WEIGHTS_FILE
from amcnet.bundle.dice_calibration import DiceWeights
from amcnet.data import read_dataset
from amcnet.data.dataset_layout import Case
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume, volume_from_array
from amcnet.parallel import map_in_processes
from amcnet.quality import Severity
from amcnet.quality.dice_fitting import fit_calibration
from amcnet.quality.dice_judging import judge_structures
from amcnet.workflows.segment.checking import check
from studies.distortions import distorted
from studies.other_origin import Spacing
from studies.prediction_scores import GOOD, LOW, prediction_scores, reliability_picture

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "predicted_dice.json"
PICTURE = ROOT / "docs" / "pictures" / "predicted-dice.png"
_DATA = "synthetic hands with synthetic ultrasound (phantoms), most of them distorted"
_OTHER_KINDS = ("border", "confidence", "prediction")


@dataclass(frozen=True)
class Hand:
    """Results for one hand.

    Attributes:
        name: Name of the hand.
        distortion: Distortion of its scan.
        arrays: ``values``, ``features`` and ``dice`` of the structures that were found, whether
            another finding names each (``named``), and the label values of the missing ones
            (``missing``), with ``missing_named``.
    """

    name: str
    distortion: str
    arrays: dict[str, np.ndarray]


@dataclass(frozen=True)
class HandTask:
    """A hand to segment.

    Attributes:
        case: Its files.
        number: Its index in its data set, which determines its distortion.
        model: The model.
        kept: Folder in which its results are kept.
    """

    case: Case
    number: int
    model: str | None
    kept: Path | None


def look_at(
    folders: list[Path],
    model: str | None,
    cache: Path | None = None,
    most: int | None = None,
    jobs: int = 1,
) -> list[Hand]:
    """Segment all hands of some data sets, or read earlier results."""
    tasks = []
    for folder in folders:
        for number, case in enumerate(read_dataset(folder).cases[:most]):
            kept = None if cache is None else cache / f"{case.name}-{weights_of(model)}.npz"
            tasks.append(HandTask(case, number, model, kept))
    return map_in_processes(look_at_hand, tasks, jobs)


def weights_of(model: str | None) -> str:
    """Return a short name of a model's weights."""
    sums = load_bundle(model).description.sha256
    return "-".join(sums[name][:8] for name in (WEIGHTS_FILE, REFINER_WEIGHTS_FILE) if name in sums)


def look_at_hand(task: HandTask) -> Hand:
    """Segment one hand, or read its earlier results."""
    case, kept = task.case, task.kept
    if kept is not None and kept.is_file():
        with np.load(kept) as arrays:
            stored = dict(arrays)
        return Hand(case.name, str(stored.pop("distortion")), stored)
    segmenter = loaded(task.model)
    volume = read_volume(case.images[0])
    truth = read_labels(case.labels, segmenter.bundle.description.label_table).array
    name, image, truth = distorted(
        task.number, volume.array, truth.astype(np.uint8), volume.spacing_mm
    )
    found = judged(segmenter, image, truth, volume.spacing_mm)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, distortion=name, **found)
    low = int((found["dice"] < LOW).sum())
    print(f"{case.name} {name}: Dice {found['dice'].mean():.3f}, {low} low", flush=True)
    return Hand(case.name, name, found)


@cache
def loaded(model: str | None) -> Segmenter:
    """Return a model that this process has loaded."""
    return Segmenter(model)


def judged(
    segmenter: Segmenter, image: np.ndarray, truth: np.ndarray, spacing_mm: Spacing
) -> dict[str, np.ndarray]:
    """Segment a scan; return the arrays of :class:`Hand`."""
    result = segmenter(volume_from_array(image, spacing_mm))
    structures = judge_structures(result.labels, truth, spacing_mm, result.table, result.evidence)
    named = {
        value
        for finding in check(result).findings
        if finding.severity > Severity.OK and finding.kind not in _OTHER_KINDS
        for value in finding.structures
    }
    missing = np.setdiff1d(np.unique(truth), [0, *structures.values])
    return {
        "values": structures.values,
        "features": structures.features,
        "dice": structures.dice,
        "named": np.isin(structures.values, list(named)),
        "missing": missing,
        "missing_named": np.isin(missing, list(named)),
    }


def together(hands: list[Hand], name: str) -> np.ndarray:
    """Return one of the arrays of all hands, concatenated."""
    return np.concatenate([hand.arrays[name] for hand in hands])


def fit(hands: list[Hand], model: str | None) -> None:
    """Fit a calibration and write it into the bundle."""
    features, dice = together(hands, "features"), together(hands, "dice")
    calibration = fit_calibration(features, dice, f"{len(hands)} {_DATA}", len(hands))
    described = record_calibration(load_bundle(model).folder, calibration)
    weights = calibration.weights_for(described.refiner is not None)
    print(f"{len(dice)} structures, {int((dice < LOW).sum())} with a Dice below {LOW}")
    print(weights.model_dump_json(indent=1))


def evaluate(hands: list[Hand], model: str | None) -> dict[str, Any]:
    """Evaluate the predictions, and write the picture."""
    description = load_bundle(model).description
    if description.calibration is None:
        raise SystemExit("the model has no calibration: run --fit first")
    weights = description.calibration.weights_for(description.refiner is not None)
    features, dice = together(hands, "features"), together(hands, "dice")
    reliability_picture(PICTURE, weights.predict(features), dice)
    groups = {
        "all": hands,
        "as they are": [hand for hand in hands if hand.distortion == "none"],
        "distorted": [hand for hand in hands if hand.distortion != "none"],
    }
    return {
        "model": description.name,
        "sha256": description.sha256["model.safetensors"],
        "hands": [hand.name for hand in hands],
        "groups": {name: scores_of(part, weights) for name, part in groups.items() if part},
    }


def scores_of(hands: list[Hand], weights: DiceWeights) -> dict[str, Any]:
    """Return the metrics of the predictions and of the verdict."""
    dice, named = together(hands, "dice"), together(hands, "named")
    predicted = weights.predict(together(hands, "features"))
    named = named | (predicted < weights.named_below)
    missing = together(hands, "missing_named")
    low = np.concatenate([named[dice < LOW], missing])
    return {
        "hands": len(hands),
        "prediction": prediction_scores(predicted, dice, weights.named_below),
        "verdict": {
            "low_or_missing": len(low),
            "named": float(low.mean()) if len(low) else float("nan"),
            "false_alarms": float(named[dice >= LOW].mean()),
            "false_alarms_good": float(named[dice >= GOOD].mean()),
        },
    }


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    heads = (
        "hands", "structures", "Dice < 0.5", "AUC", "mean error", "the verdict names",
        "false alarms, Dice >= 0.5", "false alarms, Dice >= 0.8",
    )  # fmt: skip
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, group in results["groups"].items():
        one, verdict = group["prediction"], group["verdict"]
        cells = (
            group["hands"], one["structures"], one["low"], f"{one['auc']:.3f}",
            f"{one['mean_error']:.3f}", f"{verdict['named']:.0%} of {verdict['low_or_missing']}",
            f"{verdict['false_alarms']:.1%}", f"{verdict['false_alarms_good']:.1%}",
        )  # fmt: skip
        lines.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--model")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--cases", type=int, help="only the first N hands of each set")
    parser.add_argument("--jobs", type=int, default=1, help="number of parallel processes")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--evaluate", action="store_true")
    options = parser.parse_args(arguments)
    if options.fit == options.evaluate:
        parser.error("expected one of --fit and --evaluate")
    hands = look_at(options.data, options.model, options.cache, options.cases, options.jobs)
    if options.fit:
        fit(hands, options.model)
        return
    results = evaluate(hands, options.model)
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
