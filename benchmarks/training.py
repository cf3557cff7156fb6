"""Time and memory of a training step: AMCNet with its losses compared with a plain MONAI UNet.

    python benchmarks/training.py --json results/training.json

prints a table, and writes the results with --json. Every step is a separate process, so that its
peak memory is its own, and a round runs all variants one after another, so that other work on the
machine affects them equally. Dice with and without the anatomy constraint (AC) is also measured
alone, on logits of the same size, because the peak of a step may hide that of its loss. All run
under bfloat16 autocast; on a GPU the network of the paper's width is also measured.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from amcnet.losses import DiceAnatomyLoss
from amcnet.networks import AMCNet

GAMMA = 0.5
# Loss of AMCNet: weights of (anatomy constraint, cross-entropy) in addition to Dice.
WEIGHTS = {
    "AMCNet, Dice + AC": (GAMMA, 0.0),
    "AMCNet, Dice": (0.0, 0.0),
    "AMCNet, Dice + AC + CE": (GAMMA, 1.0),
}
WITH_ANATOMY, WITHOUT, _ = WEIGHTS
UNET = "MONAI UNet, Dice + CE"
PEER_CHANNELS = (16, 32, 64, 128)
CORNER = (..., slice(8), slice(32), slice(32))  # size of a patch for warming up
LOGIT_TYPES = ("bfloat16", "float32")
COLUMNS = (
    "step",
    "parameters, M",
    "forward, GFLOP",
    "patches/s",
    "to UNet",
    "peak memory, GB",
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
    """Return labels (1, scan, lateral, depth): a block for each class, the size of a bone."""
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
    """Train for one step in this process, after a warm-up step on a corner of the patch."""
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    network = make_network(variant, arguments.classes, arguments.width).to(device)
    loss, dice = make_loss(variant), make_loss(WITHOUT)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step(image: Tensor, labels: Tensor) -> dict[str, float]:
        start = now(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(image)
        # Detached at the logits, so that the loss and its gradient are timed separately.
        leaf = logits.detach().requires_grad_(True)
        seconds = {"loss": timed(loss, leaf, labels)}
        logits.backward(leaf.grad)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        seconds["step"] = now(device) - start
        if variant == WITH_ANATOMY:
            leaf.grad = None
            seconds["dice"] = timed(dice, leaf, labels)
        return seconds

    image = torch.randn(1, 1, *arguments.shape, device=device)
    labels = make_labels(arguments.shape, arguments.classes).to(device)
    step(image[CORNER], labels[CORNER])
    before = peak_bytes(device)
    seconds = step(image, labels)
    added = added_bytes(before, device)
    with FlopCounterMode(display=False) as counter, torch.autocast(device.type, torch.bfloat16):
        network(image)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "forward_flop": counter.get_total_flops(),
        "peak_bytes": added,
        **seconds,
    }


def run_loss(variant: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Compute only loss and gradient of logits, in this process."""
    device = torch.device(arguments.device)
    loss = make_loss(variant)
    kind = getattr(torch, arguments.logits)
    size = (1, arguments.classes, *arguments.shape)
    logits = torch.empty(size, dtype=kind, device=device).normal_()
    labels = make_labels(arguments.shape, arguments.classes).to(device)
    timed(loss, logits[CORNER].requires_grad_(True), labels[CORNER])
    before = peak_bytes(device)
    seconds = timed(loss, logits.requires_grad_(True), labels)
    return {"loss": seconds, "peak_bytes": added_bytes(before, device)}


def timed(loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, labels: Tensor) -> float:
    """Return the seconds of a loss and its gradient with respect to the logits."""
    start = now(logits.device)
    with torch.autocast(logits.device.type, torch.bfloat16):
        value = loss(logits, labels)
    value.backward()
    return now(logits.device) - start


def now(device: torch.device) -> float:
    """Return a time in seconds after all work of the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak memory so far, if the system reports it (not Windows)."""
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


def added_bytes(before: int | None, device: torch.device) -> int | None:
    """Return the increase of the peak."""
    after = peak_bytes(device)
    return None if before is None or after is None else after - before


def measure(
    part: str, variant: str, width: int, arguments: argparse.Namespace, logits: str = ""
) -> dict[str, Any]:
    """Run a part in a fresh process."""
    child = [sys.executable, __file__, "--once", part, "--variant", variant, "--logits", logits]
    child += ["--shape", *map(str, arguments.shape), "--widths", str(width)]
    child += ["--classes", str(arguments.classes), "--device", arguments.device]
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # as in amcnet train
    done = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout)


def measure_round(width: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure everything once, with AMCNet of a width."""
    return {
        "steps": {name: measure("step", name, width, arguments) for name in (*WEIGHTS, UNET)},
        "losses": {
            kind: {
                name: measure("loss", name, width, arguments, logits=kind)
                for name in (WITH_ANATOMY, WITHOUT)
            }
            for kind in LOGIT_TYPES
        },
    }


def summary(rounds: list[dict[str, Any]], logits_bytes: int) -> dict[str, Any]:
    """Return medians over the rounds; ratios are taken within a round, then their median.

    Args:
        rounds: Results of :func:`measure_round`.
        logits_bytes: Size of the logits in float32.
    """
    steps = {}
    for name, first in rounds[0]["steps"].items():
        pairs = [(found["steps"][name], found["steps"][UNET]) for found in rounds]
        steps[name] = {
            "parameters": first["parameters"],
            "forward_flop": first["forward_flop"],
            "seconds": median(own["step"] for own, _ in pairs),
            "speed_to_unet": median(unet["step"] / own["step"] for own, unet in pairs),
            "peak_bytes": median_or_none(own["peak_bytes"] for own, _ in pairs),
            "loss_seconds": median(own["loss"] for own, _ in pairs),
            "loss_share": median(own["loss"] / own["step"] for own, _ in pairs),
        }
    with_anatomy = [found["steps"][WITH_ANATOMY] for found in rounds]
    extra = {}
    for kind in LOGIT_TYPES:
        both, dice = (
            median_or_none(found["losses"][kind][name]["peak_bytes"] for found in rounds)
            for name in (WITH_ANATOMY, WITHOUT)
        )
        known = both is not None and dice is not None
        extra[kind] = (both - dice) / logits_bytes if known else None
    return {
        "steps": steps,
        "anatomy_share_of_step": median((o["loss"] - o["dice"]) / o["step"] for o in with_anatomy),
        "anatomy_extra_memory_to_float32_logits": extra,
    }


def median_or_none(values: Iterable[float | None]) -> float | None:
    """Return the median of the measured values; None if there are none."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def table(found: dict[str, Any]) -> str:
    """Return a summary as a Markdown table, and the cost of the anatomy term."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for name, step in found["steps"].items():
        peak = step["peak_bytes"]
        cells = (
            name,
            f"{step['parameters'] / 1e6:.2f}",
            f"{step['forward_flop'] / 1e9:.0f}",
            f"{1 / step['seconds']:.3f}",
            f"{step['speed_to_unet']:.2f}",
            "not measured" if peak is None else f"{peak / 1e9:.2f}",
            f"{step['loss_seconds']:.2f}",
            f"{100 * step['loss_share']:.1f} %",
        )
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"AC beside Dice: {100 * found['anatomy_share_of_step']:.1f} % of the step"]
    for kind, extra in found["anatomy_extra_memory_to_float32_logits"].items():
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
    parser.add_argument(
        "--repeat", type=int, default=3, help="number of rounds, of which the median is taken"
    )
    parser.add_argument("--device", default=device)
    parser.add_argument("--json", type=Path, help="file to write the results to")
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
        rounds = [measure_round(width, arguments) for _ in range(arguments.repeat)]
        found = summary(rounds, 4 * arguments.classes * torch.Size(arguments.shape).numel())
        results["widths"][str(width)] = {**found, "rounds": rounds}
        print(f"AMCNet of width {width}, {arguments.device}\n\n{table(found)}\n")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
