"""Commands that write, each with small inputs and the outputs that it promises."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.faults.companions import (
    hand_in_and_stop,
    look_and_stop,
    serve_until_it_ends,
)
from tools.faults.stand_ins import (
    coarse_demo,
    coarse_phantoms,
    forget_temporary_folder,
    wait_for_the_service,
)
from tools.faults.surroundings import Beside, Surroundings


@dataclass(frozen=True)
class Case:
    """A command to interrupt.

    Attributes:
        name: What the table calls it.
        arguments: Of ``amcnet``; ``{in}`` and ``{out}`` stand for the folder of inputs and the
            folder that the command may write to, ``{port}`` for a free port.
        outputs: What the command promises, relative to ``{out}``.
        makes_old: Arguments that make an earlier output, which is to be replaced.
        grows: Whether the output is a folder that is filled step by step, and resumed.
        most: The most calls to try; fewer for commands that take seconds.
        environment: Variables of the command, with ``{out}``.
        varying: Outputs whose figures differ between two runs (durations, speeds), so that they are
            compared without them.
        records: JSON outputs that record the progress of the command: they must be readable JSON
            after a fault, and complete after the next run.
        before: Called in the process of the command before it starts.
        beside: What runs in a process of its own beside the command, and may end it.
        is_service: Whether the command answers a client, who is told what failed: it may then end
            with status 0.
        processes: Whether child processes write too: calls are counted over all of them, and the
            command may outlive one that is killed.
    """

    name: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    makes_old: tuple[str, ...] = ()
    grows: bool = False
    most: int = 1000
    environment: dict[str, str] = field(default_factory=dict)
    varying: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    before: Callable[[Surroundings], None] | None = None
    beside: Callable[[Beside], None] | None = None
    is_service: bool = False
    processes: bool = False


def cases() -> list[Case]:
    """Return all cases, at least one for each kind of output."""
    return [*_judgements(), *_models(), *_data_sets(), *_segmentations(), *_services()]


def _services() -> list[Case]:
    scan, served = "{in}/scan.nrrd", "127.0.0.1:{port}"
    serve = ("serve", "--model", "{in}/model", "--data", "{out}/data", "--http", served)
    remote = ("segment", scan, "-o", "{out}/remote.nrrd", "--server", f"http://{served}")
    axes = ("--axes", "scan,lateral,depth")
    view = ("view", scan, "{in}/hand.seg.nrrd", "--no-browser")
    return [
        Case(
            "serve",
            (*serve, "--reserve", "0"),
            ("labels.nrrd",),
            beside=hand_in_and_stop,
            is_service=True,
        ),
        Case(
            "segment --server",
            (*remote, *axes, "--overwrite"),
            ("remote.nrrd",),
            (*remote, *axes),
            before=wait_for_the_service,
            beside=serve_until_it_ends,
        ),
        Case(
            "view",
            view,
            ("page.html",),
            environment={"TMPDIR": "{out}"},
            before=forget_temporary_folder,
            beside=look_and_stop,
        ),
    ]


def _segment(output: str, *more: str, source: str = "scan.nrrd") -> tuple[str, ...]:
    options = ("--model", "{in}/model", "--quality", "fast", "--axes", "scan,lateral,depth")
    return ("segment", f"{{in}}/{source}", "-o", f"{{out}}/{output}", *options, *more)


def _segmentations() -> list[Case]:
    overwrite, cache = "--overwrite", {"XDG_CACHE_HOME": "{out}/cache"}
    several = ("b.nrrd", "b.html", "b.mha", "b.probabilities.npy")
    options = ("--report", "{out}/b.html", "--also", "{out}/b.mha", "--save-probabilities")
    four = _segment("b.nrrd", *options)
    masks = _segment("masks", "--separate")
    manifest = _segment("c.nrrd", "--manifest", "{out}/runs.json")
    record = ("runs.json",)
    dicom, series = _segment("e.dcm", source="series"), _segment("series.seg.nrrd", source="series")
    folder = _segment("several", source="scans")
    return [
        *(
            Case(f"segment, {name[1:]}", _segment(name, overwrite), (name,), _segment(name))
            for name in ("a.nrrd", "a.seg.nrrd", "a.nii", "a.nii.gz", "a.mha")
        ),
        Case("segment, DICOM to .dcm", (*dicom, overwrite), ("e.dcm",), dicom),
        Case("segment, DICOM to .seg.nrrd", series, ("series.seg.nrrd",)),
        Case("segment, four files", (*four, overwrite), several, four, varying=("b.html",)),
        Case("segment, masks", (*masks, overwrite), ("masks",), masks),
        Case("segment, manifest", manifest, ("c.nrrd", *record), varying=record, records=record),
        Case("segment, a folder", folder, ("several",), grows=True),
        Case("segment, first run", _segment("d.nrrd"), ("d.nrrd",), environment=cache),
    ]


def _judgements() -> list[Case]:
    seg, overwrite = "{in}/hand.seg.nrrd", "--overwrite"
    evaluate = ("evaluate", "{in}/truth.nrrd", seg, "--json", "{out}/scores.json")
    measure = ("measure", seg, "-o", "{out}/sizes.csv")
    surfaces = ("mesh", seg, "-o", "{out}/surfaces")
    hand = ("mesh", seg, "-o", "{out}/hand.glb")
    check = ("check", seg, "--json", "{out}/check.json", "--report", "{out}/check.html")
    confusion = ("confusion", "{in}/truth.nrrd", seg, "-o", "{out}/confusion.png")
    results = "{in}/evaluation.json"
    summarise = ("summarise", results, "-o", "{out}/s.csv", "--boxplots", "{out}/s.png")
    compare = ("compare-results", results, results, "-o", "{out}/differences.md")
    return [
        Case("evaluate", (*evaluate, overwrite), ("scores.json",), evaluate),
        Case("measure", (*measure, overwrite), ("sizes.csv",), measure),
        Case("mesh, a folder", (*surfaces, overwrite), ("surfaces",), surfaces),
        Case("mesh, a file", (*hand, overwrite), ("hand.glb",), hand),
        Case("check", (*check, overwrite), ("check.json", "check.html"), check),
        Case("confusion", (*confusion, overwrite), ("confusion.png",), confusion),
        Case("summarise", (*summarise, overwrite), ("s.csv", "s.png"), summarise),
        Case("compare-results", (*compare, overwrite), ("differences.md",), compare),
        Case("labels", ("labels", "-o", "{out}/hand.txt"), ("hand.txt",)),
    ]


def _models() -> list[Case]:
    tiny = "{in}/model"
    at_home: Any = {"environment": {"XDG_DATA_HOME": "{out}"}}
    install = ("models", "install", "{in}/model.zip", "--name", "tiny")
    installed = "amcnet/models/tiny"
    pack = ("models", "pack", tiny, "-o", "{out}/tiny.zip")
    export = ("export", tiny, "--format", "openvino", "-o", "{out}/ir")
    monai = ("monai/configs", "monai/docs", "monai/scripts")
    score = ("models", "score", "tiny", "{in}/evaluation.json", "--data", "one hand")
    return [
        Case("models pack", (*pack, "--overwrite"), ("tiny.zip",), pack),
        Case("models install", install, (installed,), **at_home),
        Case("models install, again", (*install, "--overwrite"), (installed,), install, **at_home),
        Case("models score", score, (installed,), install, **at_home),
        Case("export, openvino", (*export, "--overwrite"), ("ir",), export),
        Case("export, onnx", (*export[:3], "onnx", "-o", "{out}/onnx"), ("onnx",)),
        # TorchScript differs from run to run, so the rest of the folder is compared.
        Case("export, monai", (*export[:3], "monai-bundle", "-o", "{out}/monai"), monai),
    ]


def _data_sets() -> list[Case]:
    add = ("dataset", "add", "{in}/scan.nrrd", "{in}/hand.seg.nrrd", "--to", "{out}/mine")
    phantom = ("phantom", "--count", "2", "--grid", "half", "--out", "{out}/hands")
    weights = ("run/model/model.safetensors",)
    refined = ("run/model/refiner.safetensors",)
    train = ("train", "{in}/run.toml", "-o", "{out}/run")
    prepare = ("prepare", "{in}/set", "-o", "{out}/prepared")
    results = ("hand.nrrd", "hand.seg.nrrd", "preview.png", "measurements.csv")
    demo = ("demo", "--out", "{out}/demo")
    tables = ("paper-tables", "table1", "--rows", "unet", "-o", "{out}/tables")
    doctor = ("doctor", "--no-speed", "--json", "{out}/doctor.json")
    return [
        Case("prepare", prepare, ("prepared",), grows=True),
        Case("dataset add", add, ("mine",), grows=True),
        Case(
            "prepare --jobs 2", (*prepare, "--jobs", "2"), ("prepared",), grows=True, processes=True
        ),
        Case("train", train, weights),
        Case("train, a refiner", ("train", "{in}/refine.toml", *train[2:]), refined),
        Case("phantom", phantom, ("hands",), grows=True, before=coarse_phantoms),
        Case("demo", demo, tuple(f"demo/{name}" for name in results), demo, before=coarse_demo),
        Case(
            "paper-tables",
            (*tables, "--scale", "{in}/tiny.toml"),
            ("tables/table1.md",),
            grows=True,
            varying=("tables/table1.md",),
        ),
        Case(
            "doctor",
            (*doctor, "--overwrite"),
            ("doctor.json",),
            doctor,
            varying=("doctor.json",),
        ),
    ]


def refill(template: Path, place: Path) -> None:
    """Make a folder a copy of another one."""
    if place.exists():
        shutil.rmtree(place)
    shutil.copytree(template, place, symlinks=True)
