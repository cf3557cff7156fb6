"""What the fast formulation of small 3D convolutions gains in each network of the paper's tables.

    python benchmarks/slow_convolutions.py

PyTorch sends small convolutions of batch 1 to a kernel of its own that is several times slower than
oneDNN (see amcnet.networks.layers.Conv3d). The networks are trained in turn with and without the
formulation that avoids it, on random windows of the tables' size, in float32, on one processor.
Prints the median time of a step and writes results/slow_convolutions.json.
"""

import argparse
import json
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in amcnet train

import torch

from amcnet.networks import build_network, layers
from amcnet.paper_tables.rows import PaperRow, paper_tables
from amcnet.paper_tables.scale import read_scale
from studies.further_networks import tasks, with_widths

RESULTS = Path(__file__).parents[1] / "results" / "slow_convolutions.json"
WINDOW = (96, 64, 32)
CLASSES = 39
ROUNDS = 5


def rows() -> list[PaperRow]:
    """Return the rows with a 3D network, each network once for each kind of branches."""
    table = paper_tables().rows
    names = ("unet3d", "vnet", "mnet", "amcnet-3d", "amcnet-2d", "amcnet")
    return [*(table[name] for name in names), *(task.row for task in tasks())]


def step_seconds(network: torch.nn.Module, image: torch.Tensor, threshold: int) -> float:
    """Return the seconds of a forward and backward pass.

    Args:
        network: The network.
        image: (1, channel, scan, lateral, depth).
        threshold: Size up to which convolutions are reformulated; 0 for none.
    """
    before, layers._SLOW_KERNEL_VALUES = layers._SLOW_KERNEL_VALUES, threshold
    try:
        began = time.perf_counter()
        network(image).square().mean().backward()
        return time.perf_counter() - began
    finally:
        layers._SLOW_KERNEL_VALUES = before


def measure(row: PaperRow, widths: dict[str, int]) -> dict[str, Any]:
    """Return the medians of a row, with steps of both kinds in turn."""
    torch.manual_seed(0)
    sizes = {"num_classes": CLASSES, "width": widths[row.network]}
    architecture = row.architecture.model_copy(update=sizes | row.options)
    network, image = build_network(architecture).train(), torch.randn(1, 1, *WINDOW)
    fast, plain = [], []
    for _ in range(ROUNDS + 1):
        fast.append(step_seconds(network, image, layers._SLOW_KERNEL_VALUES))
        plain.append(step_seconds(network, image, 0))
    before, after = median(plain[1:]), median(fast[1:])
    return {"row": row.name, "plain_seconds": before, "seconds": after, "ratio": before / after}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    widths = with_widths(read_scale("long")).width
    measured = []
    for row in rows():
        found = {k: v if k == "row" else round(v, 3) for k, v in measure(row, widths).items()}
        measured.append(found)
        print(found, flush=True)
    arguments.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
