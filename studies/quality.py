"""Compare the settings of ``--quality`` on unseen phantoms, and the agreement of the backends.

    amcnet phantom --count 10 --seed 800000 --out datasets/unseen
    python studies/quality.py datasets/unseen --json results/quality.json

Dice and HD95 of every quality at the volume's own resolution, and the time from array to labels.
The backends are compared by the Dice between their label maps, before the clean-up. The last row
shows the cost of cropping: after normalisation the plane is cropped to the box of the true labels
plus 4 mm on each side, which is the best case for any search for the hand.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import Any, get_args

import numpy as np

from amcnet.data import read_dataset
from amcnet.inference import Segmenter
from amcnet.inference.prepared import Prepared
from amcnet.inference.quality_presets import Quality
from amcnet.io import Geometry, Volume, read_labels, read_volume
from amcnet.metrics import evaluate_case

QUALITIES = get_args(Quality)
KINDS = ("bone", "epiphysis")
CROPPED = "balanced, plane cropped"
MARGIN_MM = 4.0


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--cases", type=int, help="only the first N cases")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    results = measure(options.dataset, options.model, options.cases)
    print(report(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(folder: Path, model: str | None, most: int | None) -> dict[str, Any]:
    """Segment every case with every setting."""
    dataset = read_dataset(folder)
    segmenters = {
        quality: Segmenter(model, backend="openvino", quality=quality) for quality in QUALITIES
    }
    other = Segmenter(model, backend="torch")
    scores: dict[str, list[dict[str, Any]]] = {name: [] for name in (*QUALITIES, CROPPED)}
    agreement = []
    table = dataset.table

    def scored(truth: Volume, labels: np.ndarray) -> dict[str, Any]:
        scores = evaluate_case(truth.array, labels, truth.spacing_mm, table=table)
        return dict(scores.summary)

    for case in dataset.cases[:most]:
        volume, truth = read_volume(case.images[0]), read_labels(case.labels, dataset.table)

        for name in scores:
            start = time.perf_counter()
            if name == CROPPED:
                labels = segment_cropped(segmenters["balanced"], volume, truth.array)
            else:
                labels = segmenters[name](volume).labels
            seconds = time.perf_counter() - start
            scores[name].append({"case": case.name, "seconds": seconds, **scored(truth, labels)})
        raw = [one(volume, cleanup=False).labels for one in (segmenters["balanced"], other)]
        between = scored(replace(truth, array=raw[0]), raw[1])
        agreement.append({"case": case.name, "dice_macro": between["dice_macro"]})
        print(case.name, f"backends agree: {between['dice_macro']:.4f}", flush=True)
    return {"qualities": scores, "backends": agreement}


def segment_cropped(segmenter: Segmenter, volume: Volume, truth: np.ndarray) -> np.ndarray:
    """Segment the part of the plane that contains structures; the rest is background."""
    prepared = segmenter.prepare([volume])
    spacing_mm = volume.spacing_mm
    boxes, fulls = [slice(None), slice(None)], [slice(None)]
    for axis in (1, 2):
        size, coarse = truth.shape[axis], prepared.image.shape[1 + axis]
        (inside,) = np.nonzero(truth.any(axis=tuple({0, 1, 2} - {axis})))
        margin = MARGIN_MM / spacing_mm[axis]
        first = max(0, int((inside[0] - margin) * coarse / size))
        last = min(coarse, int((inside[-1] + margin) * coarse / size) + 1)
        boxes.append(slice(first, last))
        fulls.append(slice(round(first * size / coarse), round(last * size / coarse)))
    labels = np.zeros_like(truth)
    geometry = Geometry.canonical(labels[tuple(fulls)].shape, spacing_mm)
    image = np.ascontiguousarray(prepared.image[tuple(boxes)])
    part: Prepared = replace(prepared, image=image, geometry=geometry)
    labels[tuple(fulls)] = segmenter.label(part).labels
    return labels


def report(results: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| quality | Dice, macro | bones | epiphyses | HD95, mm, missed = 10 | seconds, median |",
        "|---|---|---|---|---|---|",
    ]
    for quality, cases in results["qualities"].items():
        kinds = [mean(case["by_kind"][kind]["dice_macro"] for case in cases) for kind in KINDS]
        cells = [mean(case["dice_macro"] for case in cases), *kinds]
        cells.append(mean(case["hd95_macro_missed_as_10mm_mm"] for case in cases))
        text = " | ".join(f"{cell:.4f}" for cell in cells)
        lines.append(f"| {quality} | {text} | {median(c['seconds'] for c in cases):.1f} |")
    agreement = [case["dice_macro"] for case in results["backends"]]
    lines += [
        "",
        f"OpenVINO and PyTorch (float32), Dice between their labels over {len(agreement)} "
        f"phantoms: mean {mean(agreement):.4f}, lowest {min(agreement):.4f}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
