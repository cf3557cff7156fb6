"""Measure the quality check: the share of planted faults that it finds, and its false alarms.

    amcnet phantom --count 10 --seed 800000 --out datasets/unseen
    python studies/quality_check.py --predictions datasets/unseen --jobs 2
    python studies/quality_check.py --hands 0 --not-hands VOLUME_OR_FOLDER ...

prints tables and writes results/quality_check.json, or the file given with --json; results that are
not measured again are kept. The last call checks the model on volumes that show no hand: noise,
smooth noise, empty and constant volumes, and any files of other objects. Label maps of phantoms are
made without ultrasound on half the network's grid, half of them with --variety full. Each fault is
planted once in each hand, in bones that the border does not cut. A fault counts as found if a
finding of its kind, of severity look or bad, names an affected structure (for two exchanged
fingers: any of their structures). An alarm is false if it contradicts what is known of the phantom.
The bundled model's own labels are judged by their Dice against the truth.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng
from scipy.ndimage import affine_transform, find_objects, gaussian_filter

from amcnet.anatomy import hand_label_table
from amcnet.data import read_dataset
from amcnet.inference import Segmenter
from amcnet.io import read_labels, read_volume, volume_from_array
from amcnet.metrics import evaluate_case
from amcnet.parallel import map_in_processes
from amcnet.phantom import NETWORK_GRID, PhantomConfig, PhantomGrid
from amcnet.phantom.hand_anatomy import HandParameters
from amcnet.phantom.phantom import draw_phantom
from amcnet.phantom.tissue import Voxeliser
from amcnet.quality import QualityReport, Severity, check_segmentation
from amcnet.workflows.check_files import check_result

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "quality_check.json"
FIRST_SEED = 810_000
TABLE = hand_label_table()
BONES = TABLE.values_of_kind("bone")
EPIPHYSES = TABLE.values_of_kind("epiphysis")
_SLAB = 16
_GOOD_DICE, _POOR_DICE = 0.8, 0.5

Labels = np.ndarray


def coarse_grid(factor: int = 2) -> PhantomGrid:
    """Return the network's field of view with larger voxels."""
    shape = tuple(round(n / factor) for n in NETWORK_GRID.shape)
    view = NETWORK_GRID.field_of_view_mm
    scan, lateral, depth = (mm / n for mm, n in zip(view, shape, strict=True))
    return PhantomGrid((shape[0], shape[1], shape[2]), (scan, lateral, depth))


@dataclass(frozen=True)
class Hand:
    """A phantom's labels, (scan, lateral, depth), and the values that the border leaves whole."""

    labels: Labels
    spacing_mm: tuple[float, float, float]
    parameters: HandParameters
    whole: tuple[int, ...]

    def bones(self) -> list[int]:
        """Return the whole bones."""
        return [value for value in self.whole if value in BONES]

    def box(self, value: int) -> tuple[slice, ...]:
        """Return the bounding box of a structure."""
        return find_objects(self.labels, value)[value - 1]


def make_hand(seed: int, variety: str) -> Hand:
    """Make the labels of a phantom."""
    grid = coarse_grid()
    hand, _ = draw_phantom(seed, PhantomConfig(grid=grid, variety=variety))
    voxeliser, scans = Voxeliser(hand, grid), grid.shape[0]
    slabs = [voxeliser.slab(i, min(i + _SLAB, scans)).labels for i in range(0, scans, _SLAB)]
    labels, cut = np.concatenate(slabs), set(hand.parameters.cut)
    present = np.unique(labels)[1:].tolist()
    whole = tuple(value for value in present if TABLE[value].name not in cut)
    return Hand(labels, grid.spacing_mm, hand.parameters, whole)


# Each fault returns the labels and the affected values, or None if it does not apply.
Planted = tuple[Labels, tuple[int, ...]] | None


def remove(hand: Hand, rng: Generator, kind: str) -> Planted:
    """Remove a bone or an epiphysis."""
    values = [value for value in hand.whole if TABLE[value].kind == kind]
    if not values:
        return None
    value = int(rng.choice(values))
    return np.where(hand.labels == value, 0, hand.labels).astype(np.uint8), (value,)


def swap(hand: Hand, rng: Generator, how: str) -> Planted:
    """Exchange two bones of a finger, neighbours of a chain, or counterparts of two fingers."""
    bones = hand.bones()
    pairs = [
        (one.value, other.value)
        for one in TABLE
        for other in TABLE
        if one.value < other.value and one.value in hand.whole and other.value in hand.whole
    ]
    same = {
        "bones of a finger": lambda a, b: TABLE[a].group == TABLE[b].group and {a, b} <= set(bones),
        "neighbours": lambda a, b: b in TABLE[a].neighbours,
        "between fingers": lambda a, b: (
            {a, b} <= set(bones)
            and TABLE[a].segment == TABLE[b].segment
            and TABLE[a].group != TABLE[b].group
        ),
        "any two": lambda a, b: True,
    }[how]
    pairs = [pair for pair in pairs if same(*pair)]
    return exchange(hand, [pairs[rng.integers(len(pairs))]]) if pairs else None


def swap_fingers(hand: Hand, rng: Generator) -> Planted:
    """Exchange all structures of two fingers, except the thumb."""
    first, second = sorted(rng.choice(4, 2, replace=False).tolist())
    return exchange(hand, [(7 + 8 * first + k, 7 + 8 * second + k) for k in range(8)])


def exchange(hand: Hand, pairs: list[tuple[int, int]]) -> Planted:
    """Exchange the labels of pairs."""
    lookup = np.arange(256, dtype=np.uint8)
    for one, other in pairs:
        lookup[one], lookup[other] = other, one
    return lookup[hand.labels], tuple(value for pair in pairs for value in pair)


def split(hand: Hand, rng: Generator) -> Planted:
    """Split a bone in two by a slab of 1.5 mm across its length, at 35 to 65 % of it."""
    value = int(rng.choice(hand.bones()))
    labels = hand.labels.copy()
    voxels = np.argwhere(labels == value)
    along = principal_positions_mm(voxels * np.array(hand.spacing_mm))
    centre = along.min() + rng.uniform(0.35, 0.65) * np.ptp(along)
    labels[tuple(voxels[np.abs(along - centre) < 0.75].T)] = 0
    return labels, (value,)


def cut_short(hand: Hand, rng: Generator) -> Planted:
    """Remove 40 % of a bone's length at one end."""
    value = int(rng.choice(hand.bones()))
    labels = hand.labels.copy()
    voxels = np.argwhere(labels == value)
    along = principal_positions_mm(voxels * np.array(hand.spacing_mm)) * rng.choice([-1, 1])
    labels[tuple(voxels[along > along.min() + 0.6 * np.ptp(along)].T)] = 0
    return labels, (value,)


def shrink(hand: Hand, rng: Generator, factor: float, kind: str = "bone") -> Planted:
    """Shrink a structure about its centre by a factor in all directions."""
    values = [value for value in hand.whole if TABLE[value].kind == kind]
    if not values:
        return None
    value = int(rng.choice(values))
    labels, box = hand.labels.copy(), hand.box(value)
    mask = labels[box] == value
    centre = np.argwhere(mask).mean(axis=0)
    matrix = np.full(3, 1 / factor)
    small = affine_transform(mask.astype(np.uint8), matrix, centre - matrix * centre, order=0)
    labels[box][mask & (small == 0)] = 0
    return labels, (value,)


def principal_positions_mm(points_mm: np.ndarray) -> np.ndarray:
    """Return positions along the axis of largest variance."""
    centred = points_mm - points_mm.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(centred.T))
    return centred @ axes[:, -1]


FAULTS: dict[str, tuple[str, Callable[[Hand, Generator], Planted]]] = {
    "bone removed": ("missing", partial(remove, kind="bone")),
    "epiphysis removed": ("missing", partial(remove, kind="epiphysis")),
    "two bones of a finger swapped": ("order", partial(swap, how="bones of a finger")),
    "neighbours in a chain swapped": ("order", partial(swap, how="neighbours")),
    "a bone swapped with another finger's": ("order", partial(swap, how="between fingers")),
    "any two structures swapped": ("order", partial(swap, how="any two")),
    "two fingers swapped": ("order", swap_fingers),
    "bone split in two": ("pieces", split),
    "bone shrunk to 60 % of its length": ("size", partial(shrink, factor=0.6)),
    "bone cut to 60 % of its length": ("size", cut_short),
    "bone shrunk to 60 % of its volume": ("size", partial(shrink, factor=0.6 ** (1 / 3))),
    "epiphysis shrunk to 60 % in size": ("size", partial(shrink, factor=0.6, kind="epiphysis")),
}


def alarms(report: QualityReport) -> list[tuple[str, tuple[int, ...]]]:
    """Return kind and structures of the findings that ask for review."""
    wanted = [finding for finding in report.findings if finding.severity >= Severity.LOOK]
    return [(finding.kind, finding.structures) for finding in wanted]


def false_alarms(hand: Hand, report: QualityReport) -> list[str]:
    """Return the findings that contradict what is known of a clean phantom."""
    outside = {n for n, why in hand.parameters.absent.items() if why == "outside the volume"}
    wrong = []
    for finding in report.findings:
        names = {TABLE[value].name for value in finding.structures}
        true = (finding.kind == "missing" and names <= outside) or (
            finding.kind == "border" and names <= set(hand.parameters.cut)
        )
        if finding.severity >= Severity.LOOK and not true:
            wrong.append(f"{finding.severity}: {finding.message}")
    return wrong


def judge(task: tuple[int, str]) -> dict[str, Any]:
    """Check one hand, clean and with every fault."""
    seed, variety = task
    hand = make_hand(seed, variety)
    clean = check_segmentation(hand.labels, hand.spacing_mm, TABLE)
    found: dict[str, dict[str, bool]] = {}
    for number, (name, (kind, plant)) in enumerate(FAULTS.items()):
        planted = plant(hand, default_rng([seed, number]))
        if planted is None:
            continue
        labels, hit = planted
        told = alarms(check_segmentation(labels, hand.spacing_mm, TABLE))
        found[name] = {
            "found": any(k == kind and set(hit) & set(about) for k, about in told),
            "exactly": any(k == kind and set(hit) == set(about) for k, about in told),
            "any": any(k not in ("border",) and set(hit) & set(about) for k, about in told),
        }
    return {
        "seed": seed,
        "variety": variety,
        "verdict": str(clean.verdict),
        "false_alarms": false_alarms(hand, clean),
        "faults": found,
    }


def judge_model(folder: Path) -> dict[str, Any]:
    """Check the bundled model's labels of a data set."""
    dataset, segmenter = read_dataset(folder), Segmenter()
    cases = []
    for case in dataset.cases:
        truth = read_labels(case.labels, TABLE)
        volume = read_volume(case.images[0])
        result = segmenter(volume)
        report = check_result(result, volume.array)
        of_truth = check_segmentation(truth.array, truth.spacing_mm, TABLE)
        scores = evaluate_case(truth.array, result.labels, truth.spacing_mm, table=TABLE)
        dice = {one.label: one.dice for one in scores.structures}
        named = [v for v in dice if report.severity_of(v) >= Severity.LOOK]
        poor = [v for v, value in dice.items() if value is not None and value < _POOR_DICE]
        # A fault of a structure may be reported for its neighbour; only the structure itself
        # counts.
        wrong = [v for v in named if dice[v] is not None and dice[v] >= _GOOD_DICE]
        cases.append(
            {
                "case": case.name,
                "verdict": str(report.verdict),
                "verdict_of_truth": str(of_truth.verdict),
                "named": len(named),
                "named_though_good": len(wrong),
                "poor": len(poor),
                "poor_and_named": len(set(poor) & set(named)),
                "good": sum(value is not None and value >= _GOOD_DICE for value in dice.values()),
                "findings": [f"{f.severity}: {f.message}" for f in report.findings],
            }
        )
        print(case.name, report.verdict, flush=True)
    return {"data": folder.name, "cases": cases}


def totals(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how often a named structure is poor, and how often a poor or good one is named."""
    count = {
        key: sum(case[key] for case in cases)
        for key in ("named", "poor", "poor_and_named", "good", "named_though_good")
    }
    share = {
        "poor_named": count["poor_and_named"] / max(1, count["poor"]),
        "good_not_named": 1 - count["named_though_good"] / max(1, count["good"]),
        "named_not_good": 1 - count["named_though_good"] / max(1, count["named"]),
        "named_poor": count["poor_and_named"] / max(1, count["named"]),
    }
    return {"totals": count | {key: round(value, 4) for key, value in share.items()}}


def volumes_in(paths: list[Path]) -> tuple[list[Path], list[str]]:
    """Return the given volumes and those in given folders, and a sentence for each missing one."""
    files, skipped = [], []
    for path in paths:
        if not path.exists():
            skipped.append(f"{path.name}: does not exist, skipped")
        files += sorted(path.glob("*.mha")) if path.is_dir() else [path] * path.exists()
    return files, skipped


def judge_not_hands(files: list[Path]) -> list[dict[str, Any]]:
    """Check the bundled model's labels of volumes that show no hand."""
    rng, shape, spacing_mm = default_rng(3), (200, 256, 128), (0.279, 0.26, 0.176)
    smooth = gaussian_filter(rng.standard_normal(shape), 4)
    arrays = {
        "noise": rng.integers(0, 256, shape),
        "smooth noise": np.clip(2000 * smooth + 100, 0, 255),
        "nothing": np.zeros(shape),
        "one grey value": np.full(shape, 90),
    }
    volumes = {
        name: volume_from_array(array.astype(np.uint8), spacing_mm)
        for name, array in arrays.items()
    }
    volumes |= {path.name: read_volume(path) for path in files}
    segmenter, rows = Segmenter(), []
    for name, volume in volumes.items():
        result = segmenter(volume)
        report = check_result(result)
        with_image = check_result(result, volume.array)
        rows.append(
            {
                "volume": name,
                "structures": len(report.present),
                "verdict": str(report.verdict),
                "findings": [f.message for f in report.findings],
                "called_no_hand": any(
                    f.kind in ("nothing", "unlike a hand") for f in report.findings
                ),
                "image_told": any(f.kind == "image" for f in with_image.findings),
            }
        )
    return rows


def summarise(hands: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rates by variety."""
    rates: dict[str, Any] = {}
    for variety in ("complete", "full"):
        chosen = [hand for hand in hands if hand["variety"] == variety]
        faults = {}
        for name in FAULTS:
            rows = [hand["faults"][name] for hand in chosen if name in hand["faults"]]
            faults[name] = {"planted": len(rows)} | {
                key: round(sum(row[key] for row in rows) / max(1, len(rows)), 4)
                for key in ("found", "exactly", "any")
            }
        wrong = sum(bool(hand["false_alarms"]) for hand in chosen)
        rates[variety] = {"hands": len(chosen), "hands_with_false_alarms": wrong, "faults": faults}
    return rates


def judge_hands(seed: int, count: int, jobs: int) -> dict[str, Any]:
    """Check ``count`` hands of each variety, clean and with faults."""
    varieties = tuple(enumerate(("complete", "full")))
    tasks = [
        (seed + 2 * k + offset, variety) for k in range(count) for offset, variety in varieties
    ]
    hands = map_in_processes(judge, tasks, jobs)
    keys = ("seed", "variety", "false_alarms")
    alarmed = [{key: hand[key] for key in keys} for hand in hands if hand["false_alarms"]]
    return {"first_seed": seed, "rates": summarise(hands), "false_alarms": alarmed}


def tables_of(results: dict[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    rates = results["rates"]
    lines = ["| planted | complete: found | names just these | full: found | names just these |"]
    lines.append("|---|---|---|---|---|")
    for name in FAULTS:
        cells = [
            f"{100 * rates[variety]['faults'][name][key]:.1f} %"
            for variety in rates
            for key in ("found", "exactly")
        ]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    cells = [f"{r['hands_with_false_alarms']} of {r['hands']} hands | " for r in rates.values()]
    lines.append("| nothing: false alarm | " + "| ".join(cells) + "|")
    for model in results["models"]:
        lines += [
            "",
            f"| {model['data']} | verdict | named | Dice < {_POOR_DICE} | of these named |",
        ]
        lines[-1] += f" Dice >= {_GOOD_DICE} | of these named |"
        lines.append("|---" * 7 + "|")
        keys = ("case", "verdict", "named", "poor", "poor_and_named", "good", "named_though_good")
        lines += ["| " + " | ".join(str(c[key]) for key in keys) + " |" for c in model["cases"]]
        if "totals" in model:
            lines += ["", ", ".join(f"{key}: {value}" for key, value in model["totals"].items())]
    lines += [
        "",
        "| no hand | structures | verdict | called no hand | image told |",
        "|---" * 5 + "|",
    ]
    keys = ("volume", "structures", "verdict", "called_no_hand", "image_told")
    lines += ["| " + " | ".join(str(r[key]) for key in keys) + " |" for r in results["not_hands"]]
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hands", type=int, default=100, help="of each variety")
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--predictions", type=Path, nargs="*", default=[])
    parser.add_argument("--not-hands", type=Path, nargs="*", default=None)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"rates": {}, "models": [], "not_hands": []}
    if arguments.json.is_file():
        results |= json.loads(arguments.json.read_text(encoding="utf-8"))
    if arguments.predictions:
        results["models"] = [judge_model(folder) for folder in arguments.predictions]
    if arguments.not_hands is not None:
        files, results["not_hands_skipped"] = volumes_in(arguments.not_hands)
        results["not_hands"] = judge_not_hands(files)
    if arguments.hands:
        results |= judge_hands(arguments.seed, arguments.hands, arguments.jobs)
    results["models"] = [model | totals(model["cases"]) for model in results["models"]]
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(tables_of(results))


if __name__ == "__main__":
    main()
