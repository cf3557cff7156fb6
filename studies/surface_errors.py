"""Measure how far a model misplaces the near side, the far side and the outline of structures.

    amcnet segment datasets/unseen-26/imagesTr -o datasets/unseen-26/found
    python studies/surface_errors.py datasets/unseen-26 datasets/unseen-26/found

prints a table and writes results/surface_errors.json. Along the depth, a structure has a probe side
(near) and a far side in every column of voxels that it occupies. For both sides the study gives the
distance between the found and the true one and its mean over a case, positive if too deep; then the
macro Dice of the result and with the true near side, far side or outline (the columns). The far
side of a bone lies in its shadow. Every second voxel of the scan and lateral axes is used.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from amcnet.bundle import load_bundle
from amcnet.data import read_dataset
from amcnet.io import read_labels

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "surface_errors.json"
KINDS = ("all", "bone", "epiphysis")

Mask = NDArray[np.bool_]


def sides(mask: Mask) -> tuple[Mask, NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns of a structure, and its first and last voxel along the depth in each."""
    last = mask.shape[2] - 1 - mask[:, :, ::-1].argmax(axis=2)
    return mask.any(axis=2), mask.argmax(axis=2), last


def dice(truth: Mask, found: Mask) -> float:
    """Return the Dice coefficient."""
    return float(2 * (truth & found).sum() / (truth.sum() + found.sum()))


def figures(truth: Mask, found: Mask, depth_mm: float) -> dict[str, float]:
    """Return the values of one structure; no distances if the columns do not overlap."""
    columns, near, far = sides(truth)
    found_columns, found_near, found_far = sides(found)
    both = columns & found_columns
    depth = np.arange(truth.shape[2])
    near_true = (found | (depth < found_near[..., None])) & (depth >= near[..., None])
    far_true = (found | (depth > found_far[..., None])) & (depth <= far[..., None])
    values = {
        "as it is": dice(truth, found),
        "near side true": dice(truth, np.where(both[..., None], near_true, found)),
        "far side true": dice(truth, np.where(both[..., None], far_true, found)),
        "outline true": dice(truth, np.where(both[..., None], found, truth)),
    }
    for name, right, wrong in (("near", near, found_near), ("far", far, found_far)):
        if both.any():
            offset = (wrong - right)[both] * depth_mm
            values[f"{name} mm"] = float(np.abs(offset).mean())
            values[f"{name} offset mm"] = float(offset.mean())
    return values


def evaluate(
    truth: NDArray[np.uint8], found: NDArray[np.uint8], depth_mm: float, count: int
) -> dict[int, dict[str, float]]:
    """Return the values of the structures 1 to ``count`` that occur in the truth."""
    results = {}
    boxes = zip(find_objects(truth, count), find_objects(found, count), strict=True)
    for value, (box, other) in enumerate(boxes, start=1):
        if box is None:
            continue
        both = zip(box, other or box, strict=True)
        whole = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in both)
        results[value] = figures(truth[whole] == value, found[whole] == value, depth_mm)
    return results


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("found", type=Path)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    dataset = read_dataset(arguments.data)
    kinds = {structure.value: structure.kind for structure in dataset.table}
    cases: dict[str, dict[str, dict[str, float]]] = {}
    for case in dataset.cases:
        truth = read_labels(case.labels, dataset.table)
        found = read_labels(arguments.found / f"{case.name}.seg.nrrd", dataset.table)
        halves = (volume.array[::2, ::2].astype(np.uint8) for volume in (truth, found))
        values = evaluate(*halves, truth.spacing_mm[2], len(kinds))
        cases[case.name] = {
            kind: mean([v for value, v in values.items() if kind in ("all", kinds[value])])
            for kind in KINDS
        }
        print(case.name, {key: round(value, 3) for key, value in cases[case.name]["all"].items()})
    written = {
        "sha256": load_bundle().description.sha256["model.safetensors"],
        "data": arguments.data.name,
        "mean": {kind: mean([case[kind] for case in cases.values()]) for kind in KINDS},
        "spread of a case's offset": {
            f"{side} mm": float(
                np.std([case["all"][f"{side} offset mm"] for case in cases.values()])
            )
            for side in ("near", "far")
        },
        "cases": cases,
    }
    print(
        json.dumps({key: written[key] for key in ("mean", "spread of a case's offset")}, indent=1)
    )
    arguments.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of every value over the rows that have it."""
    known: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for key, value in row.items():
            known[key].append(value)
    return {key: float(np.mean(values)) for key, values in known.items()}


if __name__ == "__main__":
    main()
