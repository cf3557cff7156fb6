"""Train and measure everything that needs a GPU, on a machine that has one for nine minutes.

    python -m tools.gpu_minutes --out results --minutes 8.7
    python -m tools.gpu_minutes --out results --rehearse     (on a CPU, a minute, tiny sizes)

The processors make phantoms from the first second on. Meanwhile the GPU times the network of the
paper's width from array to labels, trains both stages of the hand model in bfloat16 from the
bundled weights, trains the wide network, and measures its Dice on six unseen hands. Each stage has
a share of the time; unused time goes to the following stages. Weights are written every half minute
and ``results.json`` after each stage, so that an interrupted run keeps its results.

It needs PyTorch, Lightning, SciPy, safetensors, pydantic, isal and this repository, but not
OpenVINO: convert the weights to a model afterwards with ``python -m tools.gpu_minutes.adopt``.
"""

import argparse
import json
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from amcnet.bundle import load_bundle
from amcnet.io import atomic_path
from tools.gpu_minutes.hand_model import FirstStage, RefinerStage, refinement_cases
from tools.gpu_minutes.hands import (
    HALF_SEED,
    HELD_OUT_SEED,
    UNSEEN_SEED,
    WIDE_SEED,
    Factory,
    hands_of,
    two_grids_of,
)
from tools.gpu_minutes.plan import FULL, REHEARSAL, Clock, Plan
from tools.gpu_minutes.wide_network import WideNetwork

FIRST_STAGE_FILE, REFINER_FILE = "first-stage.safetensors", "refiner.safetensors"
RESULTS_FILE = "results.json"


class Record:
    """Results that are written to disk as soon as they are known.

    Args:
        path: The JSON file.
        clock: Provides the time of each entry.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self.values: dict[str, Any] = {}

    def add(self, name: str, values: Any) -> None:  # noqa: ANN401
        """Add an entry, log it, and write the file."""
        self.values[name] = values
        print(f"{self._clock.elapsed:6.1f} s  {name}: {values}", flush=True)
        with atomic_path(self._path) as temporary:
            temporary.write_text(json.dumps(self.values, indent=1) + "\n", encoding="utf-8")

    def attempt(self, name: str, work: Callable[[], Any]) -> None:
        """Add the result of some work; a failure is also an entry, and the next stage continues."""
        try:
            self.add(name, work())
        except Exception:
            self.add(name, {"failed": traceback.format_exc(limit=6)})


def run(plan: Plan, out: Path, device: torch.device) -> dict[str, Any]:
    """Run all stages; return the results, which are also in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    clock = Clock(plan)
    record = Record(out / RESULTS_FILE, clock)
    record.add("machine", _machine(device))
    torch.backends.cudnn.benchmark = True
    bundle = load_bundle()
    factory = Factory(plan.workers)
    try:
        _all_stages(plan, out, device, clock, record, bundle, factory)
    finally:
        factory.close()
    record.add("seconds", round(clock.elapsed, 1))
    return record.values


def _all_stages(plan, out, device, clock, record, bundle, factory) -> None:  # noqa: ANN001
    coarse = bundle.description.preprocessing
    fine = coarse.model_copy(
        update={"spacing_mm": bundle.description.refiner.spacing_mm, "scan_tolerance": 0.0}
    )
    make = two_grids_of(plan.half_grid, coarse, fine)
    held_out = factory.order(make, _seeds(HELD_OUT_SEED, plan.held_out))
    hands = factory.order(make, _seeds(HALF_SEED, plan.hands))
    wide_hands = factory.order(hands_of(plan.wide_grid), _seeds(WIDE_SEED, plan.wide_hands))
    unseen = factory.order(hands_of(plan.wide_grid), _seeds(UNSEEN_SEED, plan.unseen))

    clock.begin("speed")
    wide_folder = out / "wide"
    wide_folder.mkdir(exist_ok=True)
    wide = WideNetwork(plan, wide_folder, device)
    record.attempt("wide network, array to labels", wide.time_to_labels)

    clock.begin("first stage")
    stage = FirstStage(bundle, hands, device)
    judged = held_out.all()
    record.attempt("first stage, Dice before", lambda: stage.judge(judged))
    file = out / FIRST_STAGE_FILE
    record.attempt(
        "first stage",
        lambda: asdict(stage.train(clock.left, plan.batch, file, plan.save_seconds)),
    )
    record.add("first stage, hands", len(stage.hands))
    record.attempt("first stage, Dice after", lambda: stage.judge(judged))

    clock.begin("refiner")
    record.attempt("refiner", lambda: _refine(plan, out, clock, bundle, stage, judged))

    clock.begin("wide network")
    record.attempt("wide network", lambda: asdict(wide.train(wide_hands, clock.left)))
    clock.begin("wide network, judged")
    record.attempt("wide network, Dice of unseen hands", lambda: wide.judge(unseen.all()))


def _refine(plan, out, clock, bundle, stage, judged) -> dict[str, Any]:  # noqa: ANN001
    workers = plan.workers if stage.device.type == "cuda" else 0
    refiner = RefinerStage(bundle, stage, workers)
    cases = refinement_cases(stage, stage.hands)
    unseen = refinement_cases(stage, judged)
    before = refiner.judge(unseen)
    file = out / REFINER_FILE
    done = refiner.train(cases, clock.left, plan.patches, file, plan.save_seconds)
    return {**asdict(done), "before": before, "after": refiner.judge(unseen)}


def _seeds(first: int, count: int) -> range:
    return range(first, first + count)


def _machine(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name() if device.type == "cuda" else "the CPU"
    return {"device": name, "torch": torch.__version__}


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, help="time of the whole run")
    parser.add_argument("--rehearse", action="store_true", help="on a CPU, with tiny sizes")
    options = parser.parse_args(arguments)
    plan = REHEARSAL if options.rehearse else FULL
    if options.minutes is not None:
        plan = replace(plan, seconds=60 * options.minutes)
    if not options.rehearse and not torch.cuda.is_available():
        parser.error("PyTorch cannot use a GPU here; --rehearse needs none")
    run(plan, options.out, torch.device("cpu" if options.rehearse else "cuda"))


if __name__ == "__main__":
    main()
