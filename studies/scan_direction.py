"""Score a model on the same hands scanned from the fingertips and from the wrist.

    amcnet phantom --count 10 --seed 830000 --grid half --out datasets/unseen-half
    python studies/scan_direction.py datasets/unseen-half [--model MODEL] [--cases N]

prints a table and writes results/scan_direction.json. Reversing the scan axis turns a hand into its
mirror image seen from the other end and keeps every name, so both Dice should be equal.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet import segment
from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.data import read_dataset
from amcnet.io import Volume, read_labels, read_volume, volume_from_array, write_image
from amcnet.metrics import evaluate_case

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "scan_direction.json"
KINDS = ("bone", "epiphysis")

Scores = dict[str, float]
Labels = NDArray[np.uint8]


def scores_of(summary: dict[str, Any]) -> Scores:
    """Return the metrics that are compared."""
    by_kind = {kind: summary["by_kind"][kind]["dice_macro"] for kind in KINDS}
    return {"dice": summary["dice_macro"], **by_kind, "found": summary["detection_rate"]}


def labels_of(images: dict[str, Volume], model: str | None, table: LabelTable) -> dict[str, Labels]:
    """Return the labels that files of images get, in the axes of the images.

    If a file as it is stored shows no hand, its axes are searched, as in ``amcnet segment``.
    """
    found = {}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, image in images.items():
            write_image(folder / f"{name}.nrrd", image.array, image.geometry)
        results = segment([folder / f"{name}.nrrd" for name in images], model=model)
        for name, result in zip(images, results, strict=True):
            result.write(folder / f"{name}.seg.nrrd")
            found[name] = read_labels(folder / f"{name}.seg.nrrd", table).array.astype(np.uint8)
    return found


def score(folder: Path, model: str | None, most: int | None) -> dict[str, Any]:
    """Return the scores of every case in both directions."""
    dataset, bundle = read_dataset(folder), load_bundle(model)
    cases: dict[str, dict[str, Scores]] = {}
    for case in dataset.cases[:most]:
        image = read_volume(case.images[0])
        truth = read_labels(case.labels, dataset.table).array.astype(np.uint8)
        reverse = volume_from_array(np.ascontiguousarray(image.array[::-1]), image.spacing_mm)
        found = labels_of({"forwards": image, "backwards": reverse}, model, dataset.table)
        found["backwards"] = np.ascontiguousarray(found["backwards"][::-1])
        cases[case.name] = {
            way: scores_of(
                evaluate_case(truth, labels, image.spacing_mm, table=dataset.table).summary
            )
            for way, labels in found.items()
        }
        print(case.name, cases[case.name], flush=True)
    return {
        "model": bundle.description.name,
        "sha256": bundle.description.sha256["model.safetensors"],
        "data": folder.name,
        "cases": cases,
    }


def table(results: dict[str, Any]) -> str:
    """Return the means over all cases and the largest difference as Markdown."""
    cases = list(results["cases"].values())
    names = list(cases[0]["forwards"])
    lines = ["| scanned | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for way in ("forwards", "backwards"):
        cells = (f"{np.mean([case[way][name] for case in cases]):.3f}" for name in names)
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    largest = max(abs(case["forwards"]["dice"] - case["backwards"]["dice"]) for case in cases)
    lines += ["", f"Largest difference of one hand's Dice: {largest:.3f}."]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--cases", type=int, help="only the first N cases")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    results = score(options.data, options.model, options.cases)
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
