"""Score first stages and refiners of the hand model in all combinations, on the same hands.

    amcnet phantom --count 10 --seed 830000 --grid half --out datasets/unseen-half
    python -m studies.model_ablation datasets/unseen-half --first bundled=hand \\
        direction-free=runs/whole-hand-5/model \\
        --refiner refine-1=runs/refine-1/model refine-2=runs/refine-2/model \\
        refine-3=runs/refine-3/model

The models are those of the configurations in configs/. Every hand is scored as it is, and with the
scan axis reversed, as if it had been scanned from the wrist; the axes are not searched. Rows that
the JSON file holds already are not measured again.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np

from amcnet.bundle import Bundle, load_bundle
from amcnet.bundle.bundle import write_bundle_description
from amcnet.bundle.description import REFINER_FILES
from amcnet.bundle.refiner_export import add_refiner
from amcnet.data import Dataset, read_dataset
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume
from amcnet.metrics import evaluate_case
from studies.stored_rows import Row, StoredRows

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "model_ablation.json"
NO_REFINER = "none"


def combined(first: Bundle, refiner: Bundle | None, folder: Path) -> Bundle:
    """Write a model with the first stage of one bundle and the refiner of another one, or none."""
    shutil.copytree(first.folder, folder)
    sums = dict(first.description.sha256)
    for name in REFINER_FILES:
        (folder / name).unlink(missing_ok=True)
        sums.pop(name, None)
    plain = {"refiner": None, "calibration": None, "sha256": sums}
    write_bundle_description(folder, first.description.model_copy(update=plain))
    return load_bundle(folder) if refiner is None else add_refiner(folder, refiner)


def score(model: Bundle, data: Dataset) -> Row:
    """Return mean Dice, HD95 and the share of found structures, and the Dice of reversed scans."""
    segmenter = Segmenter(model.folder)
    figures: dict[str, list[float]] = {}
    for case in data.cases:
        volume = read_volume(case.images[0])
        truth = read_labels(case.labels, data.table).array.astype(np.uint8)
        found = segmenter(volume.array, spacing_mm=volume.spacing_mm).labels
        summary = evaluate_case(truth, found, volume.spacing_mm, table=data.table).summary
        backwards = np.ascontiguousarray(volume.array[::-1])
        turned = segmenter(backwards, spacing_mm=volume.spacing_mm).labels
        reverse = evaluate_case(truth[::-1], turned, volume.spacing_mm, table=data.table).summary
        values = {
            "dice": summary["dice_macro"],
            **{kind: part["dice_macro"] for kind, part in summary["by_kind"].items()},
            "hd95_mm": summary["hd95_macro_missed_as_10mm_mm"],
            "found": summary["detection_rate"],
            "reversed_dice": reverse["dice_macro"],
        }
        for name, value in values.items():
            figures.setdefault(name, []).append(value)
    return {name: round(mean(values), 4) for name, values in figures.items()}


def text_of(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| first stage | refiner | Dice | bones | epiphyses | HD95, mm, missed = 10 | found "
        "| Dice, scan reversed |",
        "|---" * 8 + "|",
    ]
    form = (
        "| {first} | {refiner} | {dice:.3f} | {bone:.3f} | {epiphysis:.3f} | {hd95_mm:.3f} "
        "| {found:.3f} | {reversed_dice:.3f} |"
    )
    return "\n".join([*lines, *(form.format(**row) for row in rows)])


def named(models: Sequence[str]) -> dict[str, Bundle]:
    """Return bundles by name, from texts of the form NAME=MODEL."""
    parts = (text.partition("=") for text in models)
    return {name: load_bundle(model) for name, _, model in parts}


def main() -> None:
    """Measure what is missing, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--first", nargs="+", required=True, metavar="NAME=MODEL")
    parser.add_argument("--refiner", nargs="+", default=[], metavar="NAME=MODEL")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    data = read_dataset(arguments.data)
    stored = StoredRows(arguments.json, {"hands": [case.name for case in data.cases]})
    refiners = {NO_REFINER: None, **named(arguments.refiner)}
    for first, model in named(arguments.first).items():
        for refiner, refined in refiners.items():
            if stored.has(first=first, refiner=refiner):
                continue
            with TemporaryDirectory() as folder:
                figures = score(combined(model, refined, Path(folder) / "model"), data)
            stored.add({"first": first, "refiner": refiner, **figures})
    print(text_of(stored.rows))


if __name__ == "__main__":
    main()
