"""Score models that were fine-tuned on few labelled scans of another origin.

    amcnet phantom --count 26 --seed 860000 --grid half --out datasets/few-scans
    python -m studies.few_scans datasets/few-scans --minutes 10 --json results/few_scans.json

The hands are warped and rendered as in ``other_origin.py``, which the bundled model has never seen.
The last six are for testing; of the others, the first 1, 2, 5, 10 and 20 are for training. Every
training starts from what ``amcnet prepare`` writes and gets the same time. Recipes:

- ``as it is``: the bundled model, without training
- ``fine-tuned``: ``prepare --from hand``, then ``train``
- ``frozen encoder``, ``frozen decoder``: likewise, but these layers keep their weights
- ``averaged``: mean of the weights of the bundled and the fine-tuned model (WiSE-FT: Wortsman et
  al., CVPR 2022)
- ``from scratch``: ``prepare`` without ``--from``
- ``refiner``: only the refiner, starting from the bundled one, with the sizes and settings of
  its own training and half of its learning rate
- ``adapted``: one round of ``amcnet adapt``, without any labels; counted even if its verdicts are
  not better

Each row has the Dice on the test hands without a refiner and with the bundled one, and on the same
hands as the phantom shows them, which shows what the model has forgotten. Rows that the JSON file
holds already are not measured again, so an interrupted call can be repeated; ``--cache FOLDER``
keeps the rendered hands for it.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from unittest.mock import patch

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray

from amcnet.anatomy import IGNORE, LabelTable
from amcnet.bundle import Bundle, load_bundle
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.bundle.formats.network import rebuild_network
from amcnet.bundle.refiner_export import add_refiner
from amcnet.data import check_dataset, read_dataset
from amcnet.inference import Segmenter
from amcnet.io import Geometry, read_labels, read_volume, write_image, write_labels
from amcnet.metrics import evaluate_case
from amcnet.training import read_config, train
from amcnet.training.adaptation.adaptation import AdaptOptions, adapt
from amcnet.training.refinement.refiner_config import RefinementConfig
from amcnet.training.refinement.refiner_run import train_refiner
from amcnet.training.setup import PrepareOptions, prepare
from amcnet.training.task import SegmentationTask
from studies.other_origin import redrawn, warp_field, warped
from studies.stored_rows import Row, StoredRows

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "few_scans.json"
CASES = (1, 2, 5, 10, 20)
TESTS = 6
RECIPES = (
    "fine-tuned",
    "averaged",
    "frozen encoder",
    "frozen decoder",
    "from scratch",
    "refiner",
    "adapted",
)

Image = NDArray[np.generic]
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Scan:
    """A hand of another origin, and the phantom that it was made from.

    Arrays are (scan, lateral, depth).
    """

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    phantom: NDArray[np.generic]
    phantom_labels: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]


def read_scans(folder: Path, kept: Path | None = None) -> tuple[list[Scan], LabelTable]:
    """Return all hands of a data set of phantoms, warped and rendered another way."""
    dataset = read_dataset(folder)
    scans = []
    for index, case in enumerate(dataset.cases):
        image = read_volume(case.images[0])
        truth = read_labels(case.labels, dataset.table).array.astype(np.uint8)
        file = None if kept is None else kept / f"{case.name}.npz"
        if file is not None and file.exists():
            with np.load(file) as arrays:
                moved, other = arrays["labels"], arrays["image"]
        else:
            rng = default_rng(index)
            moved = warped(truth, warp_field(truth.shape, image.spacing_mm, rng), order=0)
            other = redrawn(moved, image.spacing_mm, rng)
        if file is not None and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, labels=moved, image=other)
        scans.append(Scan(case.name, other, moved, image.array, truth, image.spacing_mm))
    return scans, dataset.table


def write_dataset(folder: Path, scans: list[Scan], table: LabelTable) -> None:
    """Write scans as a data set in the layout of nnU-Net."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for scan in scans:
        grid = Geometry.canonical(scan.labels.shape, scan.spacing_mm)
        write_image(folder / "imagesTr" / f"{scan.name}_0000.nrrd", scan.image, grid)
        write_labels(folder / "labelsTr" / f"{scan.name}.nrrd", scan.labels, grid, table)
    labels = {"background": 0, **table.values_by_name, "ignore": IGNORE}
    description = {
        "channel_names": {"0": "ultrasound"},
        "labels": labels,
        "numTraining": len(scans),
        "file_ending": ".nrrd",
    }
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")


@contextmanager
def frozen(part: str | None) -> Iterator[None]:
    """Keep the weights of a part of the network in all trainings of this context."""

    def configure(task: SegmentationTask) -> torch.optim.Optimizer:
        task.network.get_submodule(str(part)).requires_grad_(False)
        settings = task.config.optimiser
        trained = [weight for weight in task.parameters() if weight.requires_grad]
        return torch.optim.Adam(trained, lr=settings.learning_rate, betas=(settings.beta1, 0.999))

    if part is None:
        yield
    else:
        with patch.object(SegmentationTask, "configure_optimizers", configure):
            yield


def train_on(data: Path, work: Path, minutes: float, start_from: str | None) -> Bundle:
    """Prepare and train with the defaults."""
    options = PrepareOptions(start_from=start_from, max_hours=minutes / 60)
    preparation = prepare(check_dataset(data), work / "prepared", options)
    return train(read_config(preparation.config), work / "run")


def train_refiner_on(data: Path, work: Path, minutes: float, hand: Bundle) -> Bundle:
    """Train the hand model's refiner further."""
    described = hand.description.model_dump(mode="json")
    before = RefinementConfig.model_validate(described["refiner"]["provenance"]["configuration"])
    rate = before.optimiser.learning_rate / 2
    changes = {
        "refine": str(hand.folder),
        "start_from_refiner": True,
        "data": before.data.model_copy(update={"dataset": data, "fold": "all"}),
        "optimiser": before.optimiser.model_copy(update={"learning_rate": rate}),
        "schedule": before.schedule.model_copy(update={"max_hours": minutes / 60}),
    }
    return train_refiner(before.model_copy(update=changes), work / "run")


def adapt_to(data: Path, work: Path, minutes: float) -> Bundle:
    """Return the model of one round of adaptation to the images of a data set."""
    scans = [case.images[0] for case in read_dataset(data).cases]
    adapt(scans, work / "adapted", AdaptOptions(max_hours=minutes / 60, rounds=1))
    return load_bundle(work / "adapted" / "round-1" / "run")


def average(one: Bundle, other: Bundle, folder: Path) -> Bundle:
    """Write the model whose weights are the mean of those of two models."""
    network, weights = rebuild_network(one), rebuild_network(other).state_dict()
    network.load_state_dict(
        {name: (value + weights[name]) / 2 for name, value in network.state_dict().items()}
    )
    network.eval()
    return write_bundle(folder, network, one.description.model_copy(update={"refiner": None}))


def with_refiner(bundle: Bundle, hand: Bundle) -> Bundle:
    """Return a model with the refiner of the hand model, which is added to its folder."""
    if bundle.description.refiner is None:
        return add_refiner(bundle.folder, hand)
    return bundle


def dice_of(
    segmenter: Segmenter, pairs: Iterable[tuple[Scan, Image, Labels]], table: LabelTable
) -> dict[str, float]:
    """Return mean Dice of all structures and of each kind."""
    figures: dict[str, list[float]] = {}
    for scan, image, truth in pairs:
        found = segmenter(image, spacing_mm=scan.spacing_mm).labels
        summary = evaluate_case(truth, found, scan.spacing_mm, table=table).summary
        figures.setdefault("dice", []).append(summary["dice_macro"])
        for kind, values in summary["by_kind"].items():
            figures.setdefault(kind, []).append(values["dice_macro"])
    return {name: round(mean(values), 4) for name, values in figures.items()}


def score(bundle: Bundle, hand: Bundle, scans: list[Scan], table: LabelTable) -> dict[str, float]:
    """Return Dice on scans, with and without a refiner, and on the phantoms that they show."""
    other = [(scan, scan.image, scan.labels) for scan in scans]
    phantoms = [(scan, scan.phantom, scan.phantom_labels) for scan in scans]
    plain = Segmenter(bundle.folder, quality="fast")
    found = {"other": dice_of(plain, other, table), "phantom": dice_of(plain, phantoms, table)}
    refined = Segmenter(with_refiner(bundle, hand).folder, quality="balanced")
    found["refined"] = dice_of(refined, other, table)
    found["refined_phantom"] = dice_of(refined, phantoms, table)
    return {f"{way}_{key}": value for way, part in found.items() for key, value in part.items()}


class Study:
    """The hands, the model and the rows that are measured.

    Args:
        scans: Hands for training and, at the end, for testing.
        table: Their structures.
        minutes: Time of each training.
        path: JSON file of the rows.
    """

    def __init__(self, scans: list[Scan], table: LabelTable, minutes: float, path: Path) -> None:
        self.pool, self.tests, self.table = scans[:-TESTS], scans[-TESTS:], table
        self.minutes = minutes
        self.hand = load_bundle("hand")
        weights = self.hand.description.sha256["model.safetensors"]
        threads = torch.get_num_threads()
        conditions = {"minutes": minutes, "threads": threads, "model": weights}
        self.stored = StoredRows(path, conditions)

    def add(self, recipe: str, cases: int, bundle: Bundle) -> None:
        """Score a model and store its row."""
        figures = score(bundle, self.hand, self.tests, self.table)
        described = bundle.description
        source = described.refiner if recipe == "refiner" else described
        steps = 0 if source is None or cases == 0 else source.provenance.steps
        self.stored.add({"recipe": recipe, "cases": cases, "steps": steps, **figures})

    def measure(self, recipe: str, cases: int, work: Path) -> None:
        """Train by a recipe on some cases."""
        scans = self.pool[:cases]
        data = work / "other-hands"
        write_dataset(data, scans, self.table)
        part = recipe.removeprefix("frozen ") if recipe.startswith("frozen") else None
        with frozen(part):
            if recipe == "refiner":
                trained = train_refiner_on(data, work, self.minutes, self.hand)
            elif recipe == "adapted":
                trained = adapt_to(data, work, self.minutes)
            else:
                start = None if recipe == "from scratch" else "hand"
                trained = train_on(data, work, self.minutes, start)
        self.add(recipe, cases, trained)
        if recipe == "fine-tuned" and not self.stored.has(recipe="averaged", cases=cases):
            self.add("averaged", cases, average(trained, self.hand, work / "averaged"))


def text_of(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    titles = (
        "recipe", "scans", "steps", "first stage", "with refiner", "bones", "epiphyses",
        "phantoms, first stage", "phantoms, with refiner",
    )  # fmt: skip
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    form = (
        "| {recipe} | {cases} | {steps} | {other_dice:.3f} | {refined_dice:.3f} "
        "| {refined_bone:.3f} | {refined_epiphysis:.3f} | {phantom_dice:.3f} "
        "| {refined_phantom_dice:.3f} |"
    )
    ordered = sorted(rows, key=lambda row: (row["cases"], -row["refined_dice"]))
    return "\n".join([*lines, *(form.format(**row) for row in ordered)])


def main() -> None:
    """Measure what is missing, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=10, help="of each training")
    parser.add_argument("--cases", type=int, nargs="+", default=list(CASES))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    scans, table = read_scans(arguments.data, arguments.cache)
    study = Study(scans, table, arguments.minutes, arguments.json)
    if not study.stored.has(recipe="as it is"):
        study.add("as it is", 0, study.hand)
    for recipe in arguments.recipes:
        for cases in arguments.cases:
            if recipe == "averaged" or study.stored.has(recipe=recipe, cases=cases):
                continue  # averaged models are scored with the fine-tuned ones
            work = Path(tempfile.mkdtemp())
            try:
                study.measure(recipe, cases, work)
            finally:
                shutil.rmtree(work)
    print(text_of(study.stored.rows))


if __name__ == "__main__":
    main()
