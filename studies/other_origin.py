"""Score a model on hands of other shapes and on ultrasound of another renderer.

    amcnet phantom --count 10 --seed 830000 --grid half --out datasets/unseen-half
    python studies/other_origin.py datasets/unseen-half [--model MODEL]

prints a table and writes results/other_origin.json. None of these images is used for training. Each
hand is scored as the phantom shows it, warped (smoothly, by up to 4 mm, with bones of other
proportions), rendered by the simple renderer of this file, and both. This renderer shares no code
and no setting with the phantom's: everything near a bone is tissue, a bone is a bright line with a
shadow below it, speckle is the magnitude of blurred complex noise, and intensities are its
logarithm.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates, zoom

from amcnet.data import read_dataset
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume, volume_from_array
from amcnet.metrics import evaluate_case, summarise_cases

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "other_origin.json"
COLUMNS = {
    "Dice": "dice_macro",
    "HD95, mm, missed = 10": "hd95_macro_missed_as_10mm_mm",
    "length error, mm": "length_error_mm",
    "found": "detection_rate",
}
WAYS = ("phantom", "warped", "redrawn", "warped and redrawn")
WARP_MM = 4.0
WARP_LENGTH_MM = 30.0

Spacing = tuple[float, float, float]
Field = NDArray[np.float32]


def warp_field(shape: tuple[int, ...], spacing: Spacing, rng: Generator) -> list[Field]:
    """Return the source position of each voxel, in voxels: a smooth warp and other proportions."""
    coarse = tuple(
        max(4, round(n * mm / WARP_LENGTH_MM)) for n, mm in zip(shape, spacing, strict=True)
    )
    scale = rng.uniform(0.92, 1.08, 3)
    coordinates = []
    for axis, (size, mm) in enumerate(zip(shape, spacing, strict=True)):
        steps = [n / c for n, c in zip(shape, coarse, strict=True)]
        push = zoom(rng.uniform(-1, 1, coarse).astype(np.float32), steps, order=3)
        push = push[tuple(slice(n) for n in shape)] * (WARP_MM / mm)
        line = (np.arange(size) - size / 2) * scale[axis] + size / 2
        view = [1, 1, 1]
        view[axis] = size
        coordinates.append((line.reshape(view) + push).astype(np.float32))
    return coordinates


def warped(image: NDArray[Any], field: list[Field], order: int) -> NDArray[Any]:
    """Return a volume warped by a field, slab by slab."""
    result = np.empty_like(image)
    for start in range(0, len(image), 32):
        part = slice(start, start + 32)
        places = np.stack([axis[part] for axis in field])
        result[part] = map_coordinates(image, places, order=order, mode="nearest")
    return result


def redrawn(labels: NDArray[np.uint8], spacing: Spacing, rng: Generator) -> NDArray[np.uint8]:
    """Return another ultrasound of the same bones, (scan, lateral, depth)."""
    bone = labels > 0
    reach = rng.uniform(5, 9)
    tissue = distance_transform_edt(~bone, sampling=spacing) < reach
    tissue = gaussian_filter(tissue.astype(np.float32), [1.5 / mm for mm in spacing]) > 0.5
    echo = np.where(tissue, rng.uniform(0.15, 0.4), rng.uniform(0.003, 0.01)).astype(np.float32)
    path_mm = np.cumsum(tissue, axis=2) * spacing[2]
    echo *= np.exp(-rng.uniform(0.02, 0.06) * path_mm).astype(np.float32)
    below = np.cumsum(bone, axis=2) > 0
    surface = below & ~np.roll(below, 1, axis=2)
    surface[..., 0] = False
    shadow = gaussian_filter(below.astype(np.float32), (0.3 / spacing[0], 0.3 / spacing[1], 0))
    echo *= 1 - shadow * rng.uniform(0.75, 0.97)
    sigma = (0.4 / spacing[0], 0.35 / spacing[1], 0.2 / spacing[2])
    line = gaussian_filter(surface.astype(np.float32), sigma)
    echo += line / line.max() * rng.uniform(0.7, 1.5)
    beam = [rng.uniform(0.3, 0.7) / spacing[0], rng.uniform(0.3, 0.8) / spacing[1]]
    noise = [
        gaussian_filter(rng.standard_normal(labels.shape).astype(np.float32), (*beam, 0.6))
        for _ in range(2)
    ]
    speckle = np.hypot(*noise)
    decibel = 20 * np.log10(echo * speckle / speckle.mean() + 1e-4)
    top, span = np.percentile(decibel, 99.7), rng.uniform(40, 60)
    return np.clip(255 * (decibel - top + span) / span, 0, 255).astype(np.uint8)


def score(folder: Path, model: str | None) -> dict[str, Any]:
    """Return the summaries of all cases in all variants."""
    dataset, segmenter = read_dataset(folder), Segmenter(model)
    cases: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for index, case in enumerate(dataset.cases):
        rng = default_rng(index)
        image = read_volume(case.images[0])
        truth = read_labels(case.labels, dataset.table).array.astype(np.uint8)
        field = warp_field(truth.shape, image.spacing_mm, rng)
        moved = warped(truth, field, order=0)
        pictures = {
            "phantom": (image.array, truth),
            "warped": (warped(image.array, field, order=1), moved),
            "redrawn": (redrawn(truth, image.spacing_mm, rng), truth),
            "warped and redrawn": (redrawn(moved, image.spacing_mm, rng), moved),
        }
        for way, (picture, labels) in pictures.items():
            found = segmenter(volume_from_array(picture, image.spacing_mm)).labels
            figures = evaluate_case(labels, found, image.spacing_mm, table=dataset.table).to_json()
            cases[way].append(figures)
            print(f"{case.name} {way:20} {figures['summary']['dice_macro']:.3f}", flush=True)
    return {
        "model": segmenter.bundle.description.name,
        "sha256": segmenter.bundle.description.sha256["model.safetensors"],
        "data": folder.name,
        "cases": len(dataset.cases),
        "ways": {way: summarise_cases(values)["summary"] for way, values in cases.items()},
    }


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = ["| | kind | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for way, summary in results["ways"].items():
        for kind, values in {"all": summary, **summary["by_kind"]}.items():
            cells = (f"{values[key]:.3f}" for key in COLUMNS.values())
            lines.append(f"| {way} | {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = score(arguments.data, arguments.model)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
