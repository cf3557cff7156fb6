"""Time and memory of a training step: AMCNet with its losses beside a plain MONAI UNet.

    python benchmarks/training.py --json benchmarks/results/training.json

prints a table, and writes the figures with --json. Every variant is a process of its own, so that
its peak memory is its own. Dice with and without the anatomy constraint (AC) is also measured
alone, on logits of the same size, as the peak of a step may hide that of its loss. All run under
bfloat16 autocast; on a GPU the network of the paper's width is measured too.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from amcnet.losses import DiceAnatomyLoss
from amcnet.networks import AMCNet

GAMMA = 0.5
# Loss of AMCNet: weights of (anatomy constraint, cross-entropy) beside Dice.
WEIGHTS = {
    "AMCNet, Dice + AC": (GAMMA, 0.0),
    "AMCNet, Dice": (0.0, 0.0),
    "AMCNet, Dice + AC + CE": (GAMMA, 1.0),
}
WITH_ANATOMY, WITHOUT, _ = WEIGHTS
UNET = "MONAI UNet, Dice + CE"
PEER_CHANNELS = (16, 32, 64, 128)
LOGIT_TYPES = ("bfloat16", "float32")
COLUMNS = (
    "step",
    "parameters, M",
    "forward, GFLOP",
    "patches/s",
    "to UNet",
    "peak memory, GB",
    "to UNet",
    "loss, s",
    "of the step",
)


def make_network(variant: str, classes: int, width: int) -> nn.Module:
    """Return the network of a variant."""
    if variant != UNET:
        return AMCNet(num_classes=classes, width=width)
    from monai.networks.nets import UNet

    strides = (2,) * (len(PEER_CHANNELS) - 1)
    return UNet(3, 1, classes, channels=PEER_CHANNELS, strides=strides)


def make_loss(variant: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of a variant."""
    if variant != UNET:
        gamma, cross_entropy = WEIGHTS[variant]
        return DiceAnatomyLoss(gamma, cross_entropy=cross_entropy)
    from monai.losses import DiceCELoss

    loss = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False)
    return lambda logits, labels: loss(logits, labels[:, None])


def make_labels(shape: tuple[int, ...], classes: int) -> Tensor:
    """Return labels (1, scan, lateral, depth): a block for each class, as large as a bone."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros((1, *shape), dtype=torch.uint8)
    sizes = [max(1, n // part) for n, part in zip(shape, (2, 12, 6), strict=True)]
    for value in range(1, classes):
        place: list[slice] = []
        for n, size in zip(shape, sizes, strict=True):
            start = int(torch.randint(n - size + 1, (), generator=generator))
            place.append(slice(start, start + size))
        labels[(0, *place)] = value
    return labels


def run_step(variant: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train for some steps in this process."""
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    network = make_network(variant, arguments.classes, arguments.width).to(device)
    loss = make_loss(variant)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    image = torch.randn(1, 1, *arguments.shape, device=device)
    labels = make_labels(arguments.shape, arguments.classes).to(device)

    def step() -> float:
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(image)
        # Cut at the logits, so that the loss and its gradient are timed apart.
        leaf = logits.detach().requires_grad_(True)
        start = now(device)
        with torch.autocast(device.type, torch.bfloat16):
            value = loss(leaf, labels)
        value.backward()
        seconds = now(device) - start
        logits.backward(leaf.grad)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return seconds

    figures = measured(step, arguments.repeat, device)
    with FlopCounterMode(display=False) as counter, torch.autocast(device.type, torch.bfloat16):
        network(image)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "forward_flop": counter.get_total_flops(),
        **figures,
    }


def run_loss(variant: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Take loss and gradient of logits, nothing else, in this process."""
    device = torch.device(arguments.device)
    loss = make_loss(variant)
    kind = getattr(torch, arguments.logits)
    size = (1, arguments.classes, *arguments.shape)
    logits = torch.empty(size, dtype=kind, device=device).normal_().requires_grad_(True)
    labels = make_labels(arguments.shape, arguments.classes).to(device)

    def step(logits: Tensor = logits, labels: Tensor = labels) -> float:
        start = now(device)
        with torch.autocast(device.type, torch.bfloat16):
            value = loss(logits, labels)
        value.backward()
        logits.grad = None
        return now(device) - start

    corner = (..., slice(2), slice(2), slice(2))
    step(
        logits[corner].detach().requires_grad_(True), labels[corner]
    )  # what is loaded on first use
    return measured(step, arguments.repeat, device)


def measured(step: Callable[[], float], repeat: int, device: torch.device) -> dict[str, Any]:
    """Return the seconds of steps and of their losses, and the memory that they add at most.

    The first step warms up and is not timed.
    """
    before = peak_bytes(device)
    step()
    seconds, loss_seconds = [], []
    for _ in range(repeat):
        start = now(device)
        loss_seconds.append(step())
        seconds.append(now(device) - start)
    peak = peak_bytes(device)
    return {
        "every_run_seconds": seconds,
        "every_run_loss_seconds": loss_seconds,
        "peak_bytes": None if before is None or peak is None else peak - before,
    }


def now(device: torch.device) -> float:
    """Return a time in seconds, when all work that was handed to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def peak_bytes(device: torch.device) -> int | None:
    """Return the most memory that was held so far, where the system tells (not Windows)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(fields["VmHWM"].split()[0])
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def measure(
    part: str, variant: str, width: int, arguments: argparse.Namespace, **other: str
) -> dict[str, Any]:
    """Run a part in a fresh process."""
    child = [sys.executable, __file__, "--once", part, "--variant", variant]
    child += ["--shape", *map(str, arguments.shape), "--widths", str(width)]
    values = {name: getattr(arguments, name) for name in ("classes", "repeat", "device")}
    for name, value in (values | other).items():
        child += [f"--{name}", str(value)]
    done = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    times = list(zip(found["every_run_loss_seconds"], found["every_run_seconds"], strict=True))
    return {
        "seconds": median(step for _, step in times),
        "loss_seconds": median(loss for loss, _ in times),
        # Shares of the same step: other work on the machine slows both.
        "loss_share": median(loss / step for loss, step in times),
        **found,
    }


def compare(width: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all variants with AMCNet of a width."""
    steps = {name: measure("step", name, width, arguments) for name in (*WEIGHTS, UNET)}
    losses = {
        kind: {
            name: measure("loss", name, width, arguments, logits=kind)
            for name in (WITH_ANATOMY, WITHOUT)
        }
        for kind in LOGIT_TYPES
    }
    logits_bytes = 4 * arguments.classes * torch.Size(arguments.shape).numel()
    memory = {kind: extra_memory(found, logits_bytes) for kind, found in losses.items()}
    anatomy = {"share_of_step": anatomy_share(steps), "extra_memory_to_float32_logits": memory}
    return {"steps": steps, "losses": losses, "anatomy": anatomy}


def anatomy_share(steps: dict[str, Any]) -> float:
    """Return the share of a step that the anatomy constraint adds to Dice alone."""
    # By the time of the rest of the step, which is the same in both.
    both, dice = (
        share / (1 - share)
        for share in (steps[WITH_ANATOMY]["loss_share"], steps[WITHOUT]["loss_share"])
    )
    return round((both - dice) / (1 + both), 4)


def extra_memory(losses: dict[str, Any], logits_bytes: int) -> float | None:
    """Return what the anatomy constraint adds to the peak of Dice alone, in sizes of the logits."""
    both, dice = (losses[name]["peak_bytes"] for name in (WITH_ANATOMY, WITHOUT))
    return None if both is None else round((both - dice) / logits_bytes, 3)


def table(found: dict[str, Any]) -> str:
    """Return the figures of one width as a Markdown table, and what the anatomy term costs."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    peer = found["steps"][UNET]
    for name, step in found["steps"].items():
        memory = ("not measured",) * 2
        if step["peak_bytes"] is not None:
            ratio = step["peak_bytes"] / max(1, peer["peak_bytes"])
            memory = (f"{step['peak_bytes'] / 1e9:.2f}", f"{ratio:.2f}")
        cells = (
            name,
            f"{step['parameters'] / 1e6:.2f}",
            f"{step['forward_flop'] / 1e9:.0f}",
            f"{1 / step['seconds']:.3f}",
            f"{peer['seconds'] / step['seconds']:.2f}",
            *memory,
            f"{step['loss_seconds']:.2f}",
            f"{100 * step['loss_share']:.1f} %",
        )
        lines.append("| " + " | ".join(cells) + " |")
    anatomy = found["anatomy"]
    lines += ["", f"AC beside Dice: {100 * anatomy['share_of_step']:.1f} % of the step"]
    for kind, extra in anatomy["extra_memory_to_float32_logits"].items():
        size = "not measured" if extra is None else f"{extra:.2f} of the logits in float32"
        lines.append(f"AC beside Dice: extra memory with {kind} logits: {size}")
    return "\n".join(lines)


def parsed(texts: list[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", nargs=3, type=int, default=[16, 512, 256], metavar="VOXELS")
    parser.add_argument("--classes", type=int, default=39)
    parser.add_argument("--widths", nargs="+", type=int, help="of AMCNet; 16, on a GPU also 64")
    parser.add_argument("--repeat", type=int, default=3, help="median of so many steps")
    parser.add_argument("--device", default=device)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    for hidden in ("--once", "--variant", "--logits"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    arguments = parser.parse_args(texts)
    if arguments.repeat < 1:
        parser.error(f"--repeat: found {arguments.repeat}, expected at least 1")
    arguments.shape = tuple(arguments.shape)
    arguments.widths = arguments.widths or ([16, 64] if arguments.device == "cuda" else [16])
    arguments.width = arguments.widths[0]
    return arguments


def main(texts: list[str] | None = None) -> None:
    """Run from the command line."""
    arguments = parsed(texts)
    if arguments.once:
        run = run_step if arguments.once == "step" else run_loss
        print(json.dumps(run(arguments.variant, arguments)))
        return
    results: dict[str, Any] = {
        "machine": {
            "system": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "device": arguments.device,
        "shape": arguments.shape,
        "classes": arguments.classes,
        "precision": "bfloat16 autocast",
        "repeat": arguments.repeat,
        "widths": {},
    }
    for width in arguments.widths:
        results["widths"][str(width)] = found = compare(width, arguments)
        print(f"AMCNet of width {width}, {arguments.device}\n\n{table(found)}\n")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
