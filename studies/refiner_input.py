"""How far a refiner follows the labels that it is given, instead of the image.

    amcnet phantom --count 10 --seed 830000 --variety full --grid half --out datasets/unseen-half
    python -m studies.refiner_input datasets/unseen-half --models refine-6=hand

gives the refiner of each model four kinds of labels: those of the first stage, the truth, and those
of the first stage with all structures a voxel larger or smaller. A refiner that finds the
boundaries in the image returns the same for all of them. The volumes must have the spacing of the
refiner's grid. Prints a table and writes results/refiner_input.json; models that the file holds
under other names are kept.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from amcnet.bundle import load_bundle
from amcnet.data import read_dataset
from amcnet.inference import Segmenter
from amcnet.inference.labelling import label_slices
from amcnet.inference.refinement import BoundaryRefiner
from amcnet.io import Volume, read_labels, read_volume
from amcnet.metrics import evaluate_case
from studies.stored_rows import Row

RESULTS = Path(__file__).parents[1] / "results" / "refiner_input.json"
KEYS = ("dice_given", "dice", "volume_given", "volume")
HEAD = ("refiner", "given", "Dice given", "Dice", "volume given", "volume")

Labels = NDArray[np.uint8]


def larger(labels: Labels) -> Labels:
    """Return labels whose structures are a voxel larger, where there is room.

    Example:
        >>> larger(np.array([[[0, 0, 3, 0]]], np.uint8)).tolist()
        [[[0, 3, 3, 3]]]
    """
    grown = ndimage.maximum_filter(labels, footprint=ndimage.generate_binary_structure(3, 1))
    return np.where(labels == 0, grown, labels).astype(np.uint8)


def smaller(labels: Labels) -> Labels:
    """Return labels whose structures are a voxel smaller.

    Example:
        >>> smaller(np.array([[[3, 3, 3, 0]]], np.uint8)).tolist()
        [[[3, 3, 0, 0]]]
    """
    cross = ndimage.generate_binary_structure(3, 1)
    least = ndimage.minimum_filter(labels, footprint=cross)
    most = ndimage.maximum_filter(labels, footprint=cross)
    return np.where(least == most, labels, 0).astype(np.uint8)


def refined(refiner: BoundaryRefiner, volume: Volume, labels: Labels) -> Labels:
    """Return the refiner's labels of a volume whose spacing is that of its grid."""
    logits = refiner(refiner.prepare([volume]), labels)
    return np.stack(list(label_slices(logits.slices(), labels.shape[0], labels.shape)))


def measure(model: str, data: Path) -> list[Row]:
    """Return, for each kind of input, Dice and volume of input and output."""
    segmenter, refiner = Segmenter(model, quality="fast"), BoundaryRefiner(load_bundle(model))
    dataset = read_dataset(data)
    changes: dict[str, Callable[[Labels, Labels], Labels]] = {
        "first stage": lambda found, truth: found,
        "truth": lambda found, truth: truth,
        "a voxel larger": lambda found, truth: larger(found),
        "a voxel smaller": lambda found, truth: smaller(found),
    }
    figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in changes}
    for case in dataset.cases:
        volume = read_volume(case.images[0])
        truth = read_labels(case.labels, dataset.table).array.astype(np.uint8)
        found = segmenter(volume, cleanup=False).labels
        for name, change in changes.items():
            given = change(found, truth)
            result = refined(refiner, volume, given)
            scores, sizes = [], []
            for labels in (given, result):
                case_scores = evaluate_case(truth, labels, volume.spacing_mm, table=dataset.table)
                scores.append(float(case_scores.summary["dice_macro"]))
                sizes.append(np.count_nonzero(labels) / np.count_nonzero(truth))
            figures[name].append((*scores, *sizes))
    return [
        {
            "input": name,
            **{key: round(mean(row[k] for row in rows), 4) for k, key in enumerate(KEYS)},
        }
        for name, rows in figures.items()
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", default=["refine-6=hand"], metavar="NAME=MODEL")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path = arguments.json
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|")
    for text in arguments.models:
        name, _, model = text.partition("=")
        found[name] = measure(model, arguments.data)
    for name, rows in found.items():
        for row in rows:
            cells = [f"{value:.3f}" for key, value in row.items() if key != "input"]
            print(f"| {name} | {row['input']} | {' | '.join(cells)} |")
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
