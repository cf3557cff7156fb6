"""Train the hand model on three stacks of one long bone in water, and score it on three others.

    python -m studies.long_bone --minutes 30 --json results/long_bone.json

A stand-in for real water-coupled bone: the shaft bends, its ends are wider, and no hand has a bone
of this size. Only the surface towards the probe echoes, most strongly where it faces the probe.
Below it are a short tail, a shadow and a weaker second echo. Position, tilt, voxel size, gain and
speckle differ from stack to stack. Training starts from what ``amcnet prepare`` writes, with and
without ``--from hand``. Dice is that of bone against background.
"""

import argparse
import json
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from amcnet.anatomy import LabelTable
from amcnet.inference import Segmenter
from studies.few_scans import Scan, train_on, write_dataset
from studies.other_origin import Spacing
from studies.stored_rows import Row

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "long_bone.json"
TABLE = LabelTable.from_names(["bone"])
SHAPE = (150, 220, 180)
STARTS = {"hand model": "hand", "random weights": None}


def draw_bone(rng: Generator) -> tuple[NDArray[np.uint8], Spacing]:
    """Draw a bone along the scan, (scan, lateral, depth), and its spacing in mm."""
    spacing = (rng.uniform(0.45, 0.6), rng.uniform(0.22, 0.28), rng.uniform(0.2, 0.24))
    along, lateral, depth = np.meshgrid(
        *[(np.arange(n) - n / 2) * mm for n, mm in zip(SHAPE, spacing, strict=True)],
        indexing="ij",
        sparse=True,
    )
    length = rng.uniform(50, 60)
    place = 2 * (along - rng.uniform(-4, 4)) / length  # -1 to 1
    middle = rng.uniform(-6, 6) + rng.uniform(-3, 3) * place, rng.uniform(-2, 4) + 2 * place**2
    radius = rng.uniform(3.6, 4.2) + rng.uniform(2.5, 3.2) * np.abs(place) ** 3
    across = (lateral - middle[0]) / (radius * rng.uniform(1.05, 1.25))
    down = (depth - middle[1]) / radius
    inside = (across**2 + down**2 < 1) & (np.abs(place) < 1)
    return inside.astype(np.uint8), spacing


def draw_ultrasound(
    labels: NDArray[np.uint8], spacing: Spacing, rng: Generator
) -> NDArray[np.uint8]:
    """Return the ultrasound of a bone in water, (scan, lateral, depth)."""
    inside = labels > 0
    below = np.maximum.accumulate(inside, axis=2)
    first = below & ~np.roll(below, 1, axis=2)
    smooth = gaussian_filter(inside.astype(np.float32), [0.8 / mm for mm in spacing])
    slopes = np.stack(np.gradient(smooth, *spacing))
    facing = np.abs(slopes[2]) / np.maximum(np.linalg.norm(slopes, axis=0), 1e-6)
    line = (first * facing ** rng.uniform(1, 3)).astype(np.float32)
    echo = gaussian_filter(line, (0.4 / spacing[0], 0.35 / spacing[1], 0.2 / spacing[2]))
    echo /= echo.max()
    for delay_mm, share in ((rng.uniform(6, 14), 0.05), (0.8, 0.15), (1.6, 0.05)):
        steps = round(delay_mm / spacing[2])
        echo[..., steps:] += share * rng.uniform(0.5, 1.5) * echo[..., :-steps]
    water = rng.uniform(0.002, 0.01)
    echo += np.where(below, water * rng.uniform(0.1, 0.6), water)
    beam = rng.uniform(0.3, 0.7) / spacing[0], rng.uniform(0.3, 0.8) / spacing[1], 0.6
    noise = [gaussian_filter(rng.standard_normal(labels.shape), beam) for _ in range(2)]
    speckle = np.hypot(*noise)
    decibel = 20 * np.log10(echo * speckle / speckle.mean() + 1e-4)
    top, span = np.percentile(decibel, 99.9), rng.uniform(40, 60)
    return np.clip(255 * (decibel - top + span) / span, 0, 255).astype(np.uint8)


def draw_stack(number: int) -> Scan:
    """Draw a bone and its ultrasound."""
    rng = default_rng(number)
    labels, spacing = draw_bone(rng)
    image = draw_ultrasound(labels, spacing, rng)
    return Scan(f"stack_{number}", image, labels, image, labels, spacing)


def dice(model: str | Path, scans: list[Scan]) -> list[float]:
    """Return Dice of all structures of a model, taken together, on each scan."""
    segmenter = Segmenter(model, quality="fast")
    values = []
    for scan in scans:
        found = segmenter(scan.image, spacing_mm=scan.spacing_mm).labels > 0
        both = np.count_nonzero(found & (scan.labels > 0))
        values.append(round(2 * both / (found.sum() + (scan.labels > 0).sum()), 4))
    return values


def measure(minutes: float) -> Row:
    """Train from each start and return all figures."""
    scans = [draw_stack(number) for number in range(6)]
    rows = [{"start": "hand model, not trained", "steps": 0, "dice": dice("hand", scans[3:])}]
    for title, start in STARTS.items():
        with TemporaryDirectory() as name:
            work = Path(name)
            write_dataset(work / "bones", scans[:3], TABLE)
            bundle = train_on(work / "bones", work, minutes, start)
            steps = bundle.description.provenance.steps
            rows.append({"start": title, "steps": steps, "dice": dice(bundle.folder, scans[3:])})
    return {"minutes": minutes, "threads": torch.get_num_threads(), "rows": rows}


def text_of(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| start | steps | mean Dice | Dice of each stack |", "|---|---|---|---|"]
    for row in rows:
        each = ", ".join(f"{value:.3f}" for value in row["dice"])
        lines.append(f"| {row['start']} | {row['steps']} | {mean(row['dice']):.3f} | {each} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30, help="of each training")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = measure(arguments.minutes)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(text_of(results["rows"]))


if __name__ == "__main__":
    main()
