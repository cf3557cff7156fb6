"""Time of a training step and of segmenting a volume, for every row of the paper's tables.

    amcnet paper-tables table1
    python benchmarks/paper_tables_speed.py

trains every row for a few steps, segments an unseen hand with the result, prints the times and
writes results/paper_tables/speed.json, which tools/paper_tables_page.py shows. The rows run one
after another on an otherwise idle machine; the times that `amcnet paper-tables` itself records
include the effect of other work.
"""

import argparse
import csv
import json
import logging
import os
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in amcnet train

from amcnet.data import read_dataset
from amcnet.inference import Segmenter
from amcnet.io import Volume, read_volume
from amcnet.paper_tables.rows import PaperRow, paper_tables
from amcnet.paper_tables.scale import Scale, read_scale
from amcnet.paper_tables.workspace import Workspace
from amcnet.parallel import processors
from amcnet.training.run_paths import BUNDLE_FOLDER, HISTORY_FILE
from amcnet.training.training_run import train

RESULTS = Path(__file__).parents[1] / "results" / "paper_tables" / "speed.json"
STEPS = 6  # in an epoch
EPOCHS = 5  # the first one takes longer and is excluded
VOLUMES = 5


def measure(row: PaperRow, scale: Scale, workspace: Workspace, image: Volume) -> dict[str, float]:
    """Return the seconds of a training step, and of a volume from image to labels.

    Medians, of epochs of a few steps and of volumes; without validation on held-out hands.
    """
    config = scale.training_config(row, workspace.prepared)
    steps = {"steps": EPOCHS * STEPS, "steps_per_epoch": STEPS}
    schedule = config.schedule.model_copy(update=steps)
    data = config.data.model_copy(update={"fold": "all"})
    config = config.model_copy(update={"schedule": schedule, "data": data})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / row.name
        train(config, folder)
        with (folder / HISTORY_FILE).open(encoding="utf-8", newline="") as file:
            hours = [float(line["hours"]) for line in csv.DictReader(file)]
        segmenter = Segmenter(folder / BUNDLE_FOLDER)
        times = [segmenter(image, cleanup=False).seconds for _ in range(VOLUMES)]
    return {
        "step": median(3600 * (end - begin) / STEPS for begin, end in pairwise(hours)),
        "volume": median(seconds["resample"] + seconds["labels"] for seconds in times),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="small", help="small, paper or a file of settings")
    parser.add_argument("--out", type=Path, help="folder [default: runs/tables-SCALE]")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    scale = read_scale(arguments.scale)
    workspace = Workspace(arguments.out or Path("runs") / f"tables-{scale.name}")
    image = read_volume(read_dataset(workspace.unseen).cases[0].images[0])
    rows = {}
    for row in paper_tables().rows.values():
        rows[row.name] = measure(row, scale, workspace, image)
        print(row.name, {key: round(seconds, 2) for key, seconds in rows[row.name].items()})
    written = {"processors": processors(), "rows": rows}
    arguments.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
