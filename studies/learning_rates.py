"""Choose the learning rate of each network for the paper's tables, with equal steps for all.

    python -m studies.learning_rates --scale long --steps 150 --json results/learning_rates.json

Every network is trained with each rate for the same number of steps on the same windows, at a
constant rate, and the mean loss of the last third decides: so early, the Dice of the labels is 0
for most networks. A network keeps the rate that is found with its loss in Table 1. Rows that the
JSON file holds already are not measured again. The rates that win are printed as the lines of a
scale's `[learning_rate]`.
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


def last_loss(row: PaperRow, rate: float, scale: Scale, prepared: Path, steps: int) -> float:
    """Return the mean loss of the last third of some steps at a constant rate."""
    config = scale.training_config(row, prepared)
    optimiser = config.optimiser.model_copy(update={"learning_rate": rate, "decay": "constant"})
    length = {"steps": steps, "steps_per_epoch": steps // 3, "max_hours": None}
    changed = {
        "optimiser": optimiser,
        "schedule": config.schedule.model_copy(update=length),
        "data": config.data.model_copy(update={"fold": "all"}),
    }
    folder = Path(tempfile.mkdtemp())
    try:
        bundle = train(config.model_copy(update=changed), folder / "run")
    finally:
        shutil.rmtree(folder)
    return bundle.description.provenance.curve[-1]["loss"]


def best_rates(measured: list[Row]) -> dict[str, float]:
    """Return the rate with the lowest loss of each network."""
    ordered = sorted(measured, key=lambda row: row["loss"], reverse=True)
    return {row["network"]: row["rate"] for row in ordered}


def main() -> None:
    """Measure what is missing and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="long")
    parser.add_argument("--steps", type=int, default=150)
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
                loss = last_loss(row, rate, scale, prepared, arguments.steps)
                stored.add({"network": network, "rate": rate, "loss": round(loss, 4)})
    for network, rate in sorted(best_rates(stored.rows).items()):
        print(f"{network} = {rate:g}")


if __name__ == "__main__":
    main()
