"""Own data: ``amcnet prepare`` and ``amcnet train`` against a plain MONAI BasicUNet, equal time.

    python -m benchmarks.own_data --minutes 15 --json results/own_data.json
    python -m benchmarks.own_data --minutes 15 --cases 1 2 5 10 20 --json results/own_curve.json
    python -m benchmarks.own_data --minutes 15 --nnunet PYTHON --json results/own_data.json

Draws three kinds of synthetic anatomy (two lobes that touch, a row of vertebrae in thick slices,
a branching vessel with its wall), trains both networks on the same cases with default settings, and
prints mean Dice and HD95 (a missed structure counts as 10 mm) over held-out cases. ``amcnet`` gets
the minutes; the baseline gets the processor time that ``amcnet`` used, so that other work on the
machine favours neither. Several numbers of cases give learning curves. Rows that the JSON file
holds already are not measured again, so an interrupted call can be repeated.

The baseline is a common first script: z-score, random patches half of which contain foreground,
no augmentation, BasicUNet, Dice and cross-entropy, Adam, sliding windows.

``--nnunet`` adds nnU-Net v2 with its default plan and its own trainer, see ``nnunet_worker.py``. It
takes the Python of an environment with the packages of requirements-nnunet.txt.
"""

import argparse
import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from amcnet.anatomy import LabelTable
from amcnet.data import check_dataset
from amcnet.inference import Segmenter
from amcnet.io import Geometry, read_labels, read_volume, write_image, write_labels
from amcnet.metrics import evaluate_case
from amcnet.training import read_config, train
from amcnet.training.setup import PrepareOptions, prepare
from studies.stored_rows import Row, StoredRows

Shape = tuple[int, int, int]
Labels = NDArray[np.uint8]
PATCH = (32, 32, 32)
BATCH_SIZE = 2
LEARNING_RATE = 1e-3
OURS, BASELINE, NNUNET = "amcnet", "MONAI BasicUNet", "nnU-Net v2"
NETWORKS = (OURS, BASELINE, NNUNET)


def coordinates_mm(shape: Shape, spacing_mm: tuple[float, float, float]) -> list[NDArray[Any]]:
    """Return distances from the middle along (scan, lateral, depth), in mm."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    return list(np.meshgrid(*axes, indexing="ij"))


def draw_lobes(rng: Generator) -> tuple[Labels, tuple[float, float, float]]:
    """Draw a bent body whose two halves are two structures, as in the hippocampus."""
    spacing_mm = (1.0, 1.0, 1.0)
    z, y, x = coordinates_mm((36, 50, 36), spacing_mm)
    y = y + rng.uniform(-3, 3)
    x = x - 0.02 * y**2 * rng.uniform(0.5, 1.5) + rng.uniform(-3, 3)
    radius = rng.uniform(5, 7) * (1 + 0.25 * np.tanh(y / 8))
    inside = (x / radius) ** 2 + (z / radius) ** 2 + (y / rng.uniform(17, 21)) ** 2 < 1
    return np.where(inside, np.where(y > rng.uniform(-2, 4), 1, 2), 0).astype(np.uint8), spacing_mm


def draw_vertebrae(rng: Generator) -> tuple[Labels, tuple[float, float, float]]:
    """Draw four vertebrae in thick slices; they differ only in size and order."""
    spacing_mm = (rng.uniform(3.5, 4.5), 1.2, 1.2)
    z, y, x = coordinates_mm((30, 56, 56), spacing_mm)
    labels = np.zeros(z.shape, np.uint8)
    bend = rng.uniform(-6, 6)
    for value in range(1, 5):
        height = 27.0 * (2.5 - value) * rng.uniform(0.96, 1.04)
        radii = (10.5, 12.0 + value, 15.0 + 1.5 * value)
        parts = ((z - height) / radii[0], (y - bend * (height / 50) ** 2) / radii[1], x / radii[2])
        labels[sum(np.abs(part) ** 2.6 for part in parts) < 1] = value
    return labels, spacing_mm


def draw_vessel(rng: Generator) -> tuple[Labels, tuple[float, float, float]]:
    """Draw a vessel that forks, lumen and wall."""
    spacing_mm = (0.8, 0.7, 0.7)
    z, y, x = coordinates_mm((48, 48, 48), spacing_mm)
    fork = rng.uniform(-4, 4)
    angle, radius = rng.uniform(0.35, 0.6), rng.uniform(2.6, 3.4)
    distance = np.full(z.shape, np.inf)
    for side in (-1, 1):
        middle = np.where(z > fork, side * angle * (z - fork), 0) + 1.5 * np.sin(z / 9)
        distance = np.minimum(distance, np.hypot(y - middle, x - np.cos(z / 7)))
    size = radius * np.where(z > fork, 0.8, 1.0)
    labels = np.where(distance < size, 1, np.where(distance < size + 1.1, 2, 0))
    return labels.astype(np.uint8), spacing_mm


KINDS: dict[str, tuple[list[str], Callable[[Generator], tuple[Labels, Any]]]] = {
    "lobes": (["anterior", "posterior"], draw_lobes),
    "vertebrae": (["L1", "L2", "L3", "L4"], draw_vertebrae),
    "vessel": (["lumen", "wall"], draw_vessel),
}


def draw_image(labels: Labels, rng: Generator) -> NDArray[np.int16]:
    """Return an image with an intensity for each structure, a bias field, distractors and noise."""
    means = np.concatenate(([100.0], rng.normal(150, 12, labels.max())))
    image = gaussian_filter(means[labels], 0.7)
    image *= 1 + 0.25 * gaussian_filter(rng.normal(0, 1, labels.shape), 12) * 60
    image += 45 * (gaussian_filter(rng.normal(0, 1, labels.shape), 3) > 0.055)
    return (image + gaussian_filter(rng.normal(0, 70, labels.shape), 0.6)).astype(np.int16)


def write_cases(folder: Path, kind: str, seeds: range) -> None:
    """Write ``images`` and ``labels`` of some cases."""
    names, draw = KINDS[kind]
    table = LabelTable.from_names(names)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for seed in seeds:
        rng = default_rng(seed)
        labels, spacing_mm = draw(rng)
        geometry = Geometry.canonical(labels.shape, spacing_mm)
        write_image(folder / "images" / f"c{seed}.nii.gz", draw_image(labels, rng), geometry)
        write_labels(folder / "labels" / f"c{seed}.nii.gz", labels, geometry, table)
    description = {"labels": table.values_by_name}
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")


Predict = Callable[[Path], Labels]


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        predict: Segments a file.
        steps: Number of training steps.
        processor_seconds: Processor time of the training.
    """

    predict: Predict
    steps: int
    processor_seconds: float


def train_ours(data: Path, work: Path, minutes: float) -> Trained:
    """Prepare and train with the defaults for a given time."""
    began = time.process_time()
    preparation = prepare(
        check_dataset(data), work / "prepared", PrepareOptions(max_hours=minutes / 60)
    )
    bundle = train(read_config(preparation.config), work / "run")
    seconds = time.process_time() - began
    segmenter = Segmenter(bundle.folder, quality="best")
    steps = bundle.description.provenance.steps
    return Trained(lambda path: segmenter(read_volume(path)).labels, steps, seconds)


def train_baseline(data: Path, seconds: float, classes: int) -> Trained:
    """Train a MONAI BasicUNet in a plain loop for a given processor time."""
    from monai.inferers import sliding_window_inference
    from monai.losses import DiceCELoss
    from monai.networks.nets import BasicUNet

    torch.manual_seed(0)
    rng = default_rng(0)
    cases = [
        (normalised(path), read_labels(data / "labels" / path.name).array)
        for path in sorted((data / "images").iterdir())
    ]
    network = BasicUNet(3, 1, classes)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    steps, end = 0, time.process_time() + seconds
    network.train()
    while time.process_time() < end:
        patches = [draw_patch(*cases[rng.integers(len(cases))], rng) for _ in range(BATCH_SIZE)]
        image, labels = (torch.from_numpy(np.stack(part)) for part in zip(*patches, strict=True))
        optimiser.zero_grad()
        loss_function(network(image), labels).backward()
        optimiser.step()
        steps += 1
    network.eval()

    def predict(path: Path) -> Labels:
        image = torch.from_numpy(normalised(path))[None, None]
        with torch.inference_mode():
            logits = sliding_window_inference(image, PATCH, BATCH_SIZE, network, 0.5, "gaussian")
        return logits[0].argmax(0).numpy().astype(np.uint8)

    return Trained(predict, steps, seconds)


def train_nnunet(python: str, data: Path, held_out: Path, work: Path, seconds: float) -> Trained:
    """Train nnU-Net in its own environment for a given processor time."""
    script = Path(__file__).with_name("nnunet_worker.py")
    command = [python, script, data, held_out, work / "nnunet", str(seconds)]
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(f"nnU-Net failed:\n{done.stdout[-3000:]}")
    figures = json.loads((work / "nnunet/figures.json").read_text(encoding="utf-8"))

    def predict(path: Path) -> Labels:
        return read_labels(work / "nnunet/predicted" / path.name).array.astype(np.uint8)

    return Trained(predict, figures["steps"], figures["processor_seconds"])


def normalised(path: Path) -> NDArray[np.float32]:
    """Return a volume with mean 0 and deviation 1, padded to at least the size of a patch."""
    array = read_volume(path).array.astype(np.float32)
    return (array - array.mean()) / array.std()


def draw_patch(
    image: NDArray[np.float32], labels: Labels, rng: Generator
) -> tuple[NDArray[np.float32], Labels]:
    """Return a patch (channel, scan, lateral, depth), half of the time on foreground."""
    short = [(0, max(0, size - n)) for size, n in zip(PATCH, image.shape, strict=True)]
    image, labels = np.pad(image, short, "edge"), np.pad(labels, short, "edge")
    middle = [rng.integers(n) for n in image.shape]
    if rng.random() < 0.5:
        places = np.argwhere(labels)
        middle = list(places[rng.integers(len(places))])
    start = [
        int(np.clip(m - size // 2, 0, n - size))
        for m, size, n in zip(middle, PATCH, image.shape, strict=True)
    ]
    box = tuple(slice(first, first + size) for first, size in zip(start, PATCH, strict=True))
    return image[box][None].copy(), labels[box][None].copy()


def judge(predict: Predict, data: Path, table: LabelTable) -> dict[str, float]:
    """Return mean Dice and HD95 over the cases of a folder."""
    summaries = []
    for path in sorted((data / "images").iterdir()):
        reference = read_labels(data / "labels" / path.name)
        case = evaluate_case(reference.array, predict(path), reference.spacing_mm, table=table)
        summaries.append(case.summary)
    keys = {"dice": "dice_macro", "hd95_mm": "hd95_macro_missed_as_10mm_mm"}
    return {name: round(mean(s[key] for s in summaries), 4) for name, key in keys.items()}


@dataclass(frozen=True)
class Task:
    """Cases of a kind, and the time to train on them.

    Attributes:
        kind: Kind of anatomy.
        cases: Number of cases for training.
        tests: Number of held-out cases.
        minutes: Time of ``amcnet``.
        nnunet: Python that runs nnU-Net.
    """

    kind: str
    cases: int
    tests: int
    minutes: float
    nnunet: Path | None

    def measure(self, network: str, seconds: float) -> Row:
        """Train a network and return its row.

        Args:
            network: One of ``NETWORKS``.
            seconds: Processor time; ``amcnet`` gets the minutes instead.
        """
        table = LabelTable.from_names(KINDS[self.kind][0])
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            data, held_out = work / self.kind, work / "held_out"
            write_cases(data, self.kind, range(self.cases))
            write_cases(held_out, self.kind, range(1000, 1000 + self.tests))
            if network == OURS:
                trained = train_ours(data, work, self.minutes)
            elif network == BASELINE:
                trained = train_baseline(data, seconds, table.num_classes)
            else:
                trained = train_nnunet(str(self.nnunet), data, held_out, work, seconds)
            return {
                "kind": self.kind,
                "cases": self.cases,
                "network": network,
                "steps": trained.steps,
                "processor_minutes": round(trained.processor_seconds / 60, 2),
                **judge(trained.predict, held_out, table),
            }


def seconds_of(rows: list[Row], kind: str, cases: int) -> float:
    """Return the processor time of ``amcnet`` in a row, 0 if there is none yet."""
    wanted = kind, cases, OURS
    own = (row for row in rows if (row["kind"], row["cases"], row["network"]) == wanted)
    return 60 * next((row["processor_minutes"] for row in own), 0.0)


def text_of(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    titles = ("anatomy", "cases", "network", "steps", "CPU min", "Dice", "HD95, mm")
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    form = (
        "| {kind} | {cases} | {network} | {steps} | {processor_minutes:.1f} | {dice:.3f} "
        "| {hd95_mm:.2f} |"
    )
    return "\n".join([*lines, *(form.format(**row) for row in rows)])


def main() -> None:
    """Train both on each kind, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15, help="of each training")
    parser.add_argument(
        "--cases", type=int, nargs="+", default=[20], help="for training, of each kind"
    )
    parser.add_argument("--tests", type=int, default=10, help="held-out cases of each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--nnunet", type=Path, help="Python of an environment that has nnU-Net v2")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    conditions = {
        "minutes": arguments.minutes,
        "held_out_cases": arguments.tests,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    stored = StoredRows(arguments.json, conditions)
    networks = NETWORKS if arguments.nnunet else NETWORKS[:-1]
    for kind in arguments.kinds:
        for cases in arguments.cases:
            task = Task(kind, cases, arguments.tests, arguments.minutes, arguments.nnunet)
            for network in networks:
                if not stored.has(kind=kind, cases=cases, network=network):
                    stored.add(task.measure(network, seconds_of(stored.rows, kind, cases)))
    print(text_of(stored.rows))


if __name__ == "__main__":
    main()
