"""Choose the learning rate of each network for the paper's tables, with equal steps for all.

    python -m studies.learning_rates --scale long --steps 400 --json results/learning_rates.json

Every network is trained with each rate for the same number of steps from the same seed, at a
constant rate, and the mean Dice of the held-out windows at the end decides. A network keeps the
rate that is found with its loss in Table 1. Rows that the JSON file holds already are not measured
again. The rates that win are printed as the lines of a scale's `[learning_rate]`.
"""

import argparse
import logging
import os
import shutil
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in amcnet train

import torch

from amcnet.paper_tables.rows import PaperRow, paper_tables
from amcnet.paper_tables.scale import Scale, read_scale
from amcnet.paper_tables.workspace import Workspace, make_data
from amcnet.training import train
from studies.further_networks import tasks, with_widths
from studies.stored_rows import Row, StoredRows

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "learning_rates.json"
RATES = (0.001, 0.003, 0.01)


def rows() -> dict[str, PaperRow]:
    """Return one row for each network: the one of Table 1, or of further_networks.py."""
    tables = paper_tables()
    table1 = [tables.rows[name] for name in tables.tables["table1"].names]
    found = {row.network: row for row in table1}
    return {task.row.network: task.row for task in tasks()} | found


def held_out_dice(row: PaperRow, rate: float, scale: Scale, prepared: Path, steps: int) -> float:
    """Return the Dice of the held-out windows after some steps at a constant rate."""
    config = scale.training_config(row, prepared)
    optimiser = config.optimiser.model_copy(update={"learning_rate": rate, "decay": "constant"})
    length = {"steps": steps, "steps_per_epoch": steps, "max_hours": None}
    schedule = config.schedule.model_copy(update=length)
    folder = Path(tempfile.mkdtemp())
    try:
        changed = {"optimiser": optimiser, "schedule": schedule}
        bundle = train(config.model_copy(update=changed), folder / "run")
    finally:
        shutil.rmtree(folder)
    return bundle.description.provenance.curve[-1]["dice"]


def best_rates(measured: list[Row]) -> dict[str, float]:
    """Return the rate with the highest Dice of each network."""
    ordered = sorted(measured, key=lambda row: row["dice"])
    return {row["network"]: row["rate"] for row in ordered}


def main() -> None:
    """Measure what is missing and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="long")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, help="folder of the data [default: runs/tables-SCALE]")
    parser.add_argument("--networks", nargs="+", choices=list(rows()), default=list(rows()))
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    scale = with_widths(read_scale(arguments.scale))
    workspace = Workspace(arguments.out or Path("runs") / f"tables-{scale.name}")
    make_data(workspace, scale)
    conditions = {"scale": scale.name, "steps": arguments.steps, "threads": torch.get_num_threads()}
    stored = StoredRows(arguments.json, conditions)
    for network in arguments.networks:
        for rate in RATES:
            if not stored.has(network=network, rate=rate):
                row, prepared = rows()[network], workspace.prepared
                dice = held_out_dice(row, rate, scale, prepared, arguments.steps)
                stored.add({"network": network, "rate": rate, "dice": round(dice, 4)})
    for network, rate in sorted(best_rates(stored.rows).items()):
        print(f"{network} = {rate:g}")


if __name__ == "__main__":
    main()
