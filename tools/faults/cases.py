"""Commands that write, each with small inputs and the outputs that it promises."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amcnet.anatomy import hand_label_table
from amcnet.io import Geometry, write_image, write_labels

SHAPE, SPACING_MM = (10, 14, 12), (0.837, 1.3, 0.88)


@dataclass(frozen=True)
class Case:
    """A command to interrupt.

    Attributes:
        name: What the table calls it.
        arguments: Of ``amcnet``; ``{in}`` and ``{out}`` stand for the folder of inputs and the
            folder that the command may write to.
        outputs: What the command promises, relative to ``{out}``.
        old: Whether the outputs exist before, and are to be replaced.
        makes_old: Arguments that make these earlier outputs.
    """

    name: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    makes_old: tuple[str, ...] = ()


def make_inputs(folder: Path) -> None:
    """Write the inputs of all cases."""
    rng = np.random.default_rng(5)
    grid = Geometry.canonical(SHAPE, SPACING_MM)
    labels = np.zeros(SHAPE, np.uint8)
    for value in (1, 2, 5, 37):
        at = rng.integers(1, 6, 3)
        labels[tuple(slice(start, start + 4) for start in at)] = value
    table = hand_label_table()
    write_image(folder / "scan.nrrd", rng.integers(0, 255, SHAPE).astype(np.uint8), grid)
    write_labels(folder / "truth.nrrd", labels, grid, table)
    write_labels(folder / "hand.seg.nrrd", labels, grid, table)
    _write_data_set(folder / "set", labels, grid)
    evaluation = {"structures": [], "dice_macro": 1.0}
    (folder / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")


def _write_data_set(folder: Path, labels: np.ndarray, grid: Geometry) -> None:
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    names = {"background": 0, "left block": 1, "right block": 2}
    description = {"channel_names": {"0": "ultrasound"}, "labels": names, "file_ending": ".nrrd"}
    description["numTraining"] = 2
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    two = np.where(labels > 2, 2, labels).astype(np.uint8)
    for case in ("a", "b"):
        image = (two * 60 + 20).astype(np.uint8)
        write_image(folder / "imagesTr" / f"{case}_0000.nrrd", image, grid)
        write_image(folder / "labelsTr" / f"{case}.nrrd", two, grid)


def _segment(output: str, *more: str) -> tuple[str, ...]:
    return ("segment", "{in}/scan.nrrd", "-o", f"{{out}}/{output}", "--quality", "fast", *more)


def cases() -> list[Case]:
    """Return all cases, one for each kind of output."""
    seg = "{in}/hand.seg.nrrd"
    overwrite = "--overwrite"
    evaluate = ("evaluate", "{in}/truth.nrrd", seg, "--json", "{out}/scores.json")
    measure = ("measure", seg, "-o", "{out}/sizes.csv")
    mesh = ("mesh", seg, "-o", "{out}/surfaces")
    phantom = ("phantom", "--count", "1", "--grid", "half", "--out", "{out}/hands")
    segmentations = [
        Case(f"segment, {name}", _segment(name, overwrite), (name,), _segment(name))
        for name in ("a.nrrd", "a.seg.nrrd", "a.nii.gz", "a.mha")
    ]
    return [
        *segmentations,
        Case("segment, report", (*_segment("b.nrrd"), "--report", "{out}/b.html"), ("b.nrrd",)),
        Case("segment, masks", _segment("masks", "--separate"), ("masks",)),
        Case("evaluate", (*evaluate, overwrite), ("scores.json",), evaluate),
        Case("measure", (*measure, overwrite), ("sizes.csv",), measure),
        Case("mesh", (*mesh, overwrite), ("surfaces",), mesh),
        Case("labels", ("labels", "-o", "{out}/hand.txt"), ("hand.txt",)),
        Case("prepare", ("prepare", "{in}/set", "-o", "{out}/prepared"), ("prepared",)),
        Case("models pack", ("models", "pack", "hand", "-o", "{out}/hand.zip"), ("hand.zip",)),
        Case("export", ("export", "hand", "--format", "openvino", "-o", "{out}/ir"), ("ir",)),
        Case("phantom", phantom, ("hands",)),
    ]


def fresh(case: Case, inputs: Path, place: Path, run: Callable[[tuple[str, ...]], int]) -> Path:
    """Return a new folder of outputs, with the earlier outputs of the case in it."""
    if place.exists():
        shutil.rmtree(place)
    place.mkdir()
    if case.makes_old:
        run(filled(case.makes_old, inputs, place))
    return place


def filled(arguments: tuple[str, ...], inputs: Path, out: Path) -> tuple[str, ...]:
    """Return arguments with the folders in place of ``{in}`` and ``{out}``."""
    return tuple(a.replace("{in}", str(inputs)).replace("{out}", str(out)) for a in arguments)
