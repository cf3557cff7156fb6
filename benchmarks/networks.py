"""The networks of the paper's tables: parameters, operations and memory.

    python -m benchmarks.networks --json results/networks.json [--memory]

Parameters and operations are those of the authors' sizes with one channel and 39 classes; the
operations are those of one window of 16 x 512 x 256 voxels (a multiplication and an addition count
as two), from PyTorch's counter on tensors without data. ``--memory`` also segments a volume with a
small network of each kind and compares its memory with the plan.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.memory import GIB, measure

WINDOW = (16, 512, 256)
# name, width, slices of a window, plane of the network's grid, scale of the volume's plane
MEMORY_CASES = (
    ("unet", 32, 16, (192, 128), 2),
    ("unetplusplus", 32, 16, (192, 128), 2),
    ("swinunet", 48, 16, (192, 128), 2),
    ("unet3d", 32, 16, (192, 128), 2),
    ("vnet", 16, 16, (192, 128), 2),
    ("mnet", 32, 16, (192, 128), 2),
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args(arguments)
    found = {"networks": table()}
    print(report(found["networks"]))
    if options.memory:
        found["memory"] = [memory_of(*case) for case in MEMORY_CASES]
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table() -> list[dict[str, Any]]:
    """Return the properties of all networks."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from amcnet.networks import build_network
    from amcnet.networks.registry import complete, find_spec
    from amcnet.paper_tables.rows import paper_networks

    rows = []
    for name, architecture in paper_networks().items():
        with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as count:
            network = build_network(architecture).eval()
            network(torch.empty(1, 1, *WINDOW))
        facts = find_spec(architecture.name)
        rows.append(
            {
                "name": name,
                "title": facts.title,
                "source": facts.source,
                "code": facts.code,
                "dimension": architecture.options.get("branches", facts.sees),
                "width": complete(architecture).width,
                "parameters": sum(p.numel() for p in network.parameters()),
                "gflop": count.get_total_flops() / 1e9,
            }
        )
    return rows


def report(rows: list[dict[str, Any]]) -> str:
    """Return the figures as Markdown."""
    lines = ["| name | network | sees | width | parameters, M | GFLOP | source | code |"]
    lines.append("|---" * 8 + "|")
    for row in rows:
        lines.append(
            f"| `{row['name']}` | {row['title']} | {row['dimension']} | {row['width']} "
            f"| {row['parameters'] / 1e6:.2f} | {row['gflop']:.0f} | {row['source']} "
            f"| {row['code']} |"
        )
    return "\n".join(lines)


def memory_of(
    name: str, width: int, slices: int, plane: tuple[int, int], scale: int
) -> dict[str, Any]:
    """Return the memory for segmenting with a small network, and the plan for it."""
    from amcnet.networks import Architecture

    row = measure(Architecture(name=name, width=width), slices, plane, scale)
    planned, taken = row["planned_bytes"] / GIB, row["taken_bytes"] / GIB
    line = f"{name}: planned {planned:.3f} GiB, taken {taken:.3f} GiB, {planned / taken:.2f}"
    print(line, flush=True)
    return {"name": name, **row}


if __name__ == "__main__":
    main()
