"""Time and memory from an array to labels on a GPU, with the network of the paper's width.

    python benchmarks/gpu.py

prints a table for three overlaps of the windows: time in seconds from a volume of 609 x 1023 x 512
voxels to its labels (median of 3, after one warm-up run), the share of the network and of the
preprocessing (on the CPU), and the GPU's peak memory. The network is untrained, which does not
affect its speed. Without a GPU, the script says so. With --small it runs on the CPU with small
sizes, as a test, not as a measurement.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from safetensors.torch import save_file

from amcnet.anatomy import hand_label_table
from amcnet.bundle import Bundle, BundleDescription, Provenance
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.data import Preprocessing
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.torch_engine import TorchEngine
from amcnet.networks import Architecture, build_network

REPEAT = 3
OVERLAPS = (0.0, 0.25, 0.5)
NETWORK_SPACING_MM = (1.0, 2.0, 2.0)
SPACING_MM = (1.0, 1.0, 1.0)  # so the network sees half of the plane's resolution


@dataclass(frozen=True)
class Sizes:
    """The sizes to measure."""

    shape: tuple[int, int, int]
    width: int
    slices: int
    device: str


FULL = Sizes((609, 1023, 512), width=64, slices=16, device="cuda")
SMALL = Sizes((9, 40, 33), width=2, slices=4, device="cpu")


@dataclass(frozen=True)
class Figures:
    """Measured values, medians."""

    overlap: float
    seconds: float
    network_seconds: float
    preprocessing_seconds: float
    peak_bytes: int  # of a GPU; 0 on the CPU


def untrained_bundle(folder: Path, sizes: Sizes) -> Bundle:
    """Write an untrained network and return it as a bundle, without an OpenVINO network."""
    torch.manual_seed(0)
    architecture = Architecture(width=sizes.width)
    save_file(build_network(architecture).state_dict(), folder / WEIGHTS_FILE)
    description = BundleDescription(
        name="untrained",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=NETWORK_SPACING_MM),
        window=sizes.slices,
        labels=hand_label_table().to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={WEIGHTS_FILE: ""},
    )
    return Bundle(folder, description)


def measure(bundle: Bundle, sizes: Sizes) -> list[Figures]:
    """Measure all overlaps."""
    volume = np.random.default_rng(0).integers(0, 256, sizes.shape, dtype=np.uint8)
    engine = TorchEngine([bundle], sizes.device)
    run_once(engine, bundle, volume, OVERLAPS[0])
    return [measure_overlap(engine, bundle, volume, overlap) for overlap in OVERLAPS]


def measure_overlap(
    engine: TorchEngine, bundle: Bundle, volume: np.ndarray, overlap: float
) -> Figures:
    """Measure one overlap."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    runs = [run_once(engine, bundle, volume, overlap) for _ in range(REPEAT)]
    seconds, network, preprocessing = (median(part) for part in zip(*runs, strict=True))
    return Figures(overlap, seconds, network, preprocessing, torch.cuda.max_memory_allocated())


def run_once(
    engine: TorchEngine, bundle: Bundle, volume: np.ndarray, overlap: float
) -> tuple[float, float, float]:
    """Return the seconds from array to labels, of the network, and of the preprocessing."""
    description = bundle.description
    before = engine.network_seconds
    start = time.perf_counter()
    image = description.preprocessing.apply(volume, SPACING_MM)[None]
    preprocessing = time.perf_counter() - start
    labels = np.empty(volume.shape, np.uint8)
    meter = ConfidenceMeter(description.architecture.num_classes)
    windows = Windows(description.window, overlap)
    for index, plane in enumerate(engine.label_slices(image, volume.shape, windows, meter)):
        labels[index] = plane
    seconds = time.perf_counter() - start
    return seconds, engine.network_seconds - before, preprocessing


def table(found: list[Figures]) -> str:
    """Return the figures as Markdown."""
    columns = ("overlap", "seconds", "network, s", "preprocessing, s", "peak GPU memory, GB")
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in found:
        peak = f"{row.peak_bytes / 1e9:.2f}" if row.peak_bytes else "-"
        seconds = (row.seconds, row.network_seconds, row.preprocessing_seconds)
        cells = (f"{row.overlap}", *(f"{value:.2f}" for value in seconds), peak)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(texts: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small sizes, on the CPU")
    sizes = SMALL if parser.parse_args(texts).small else FULL
    if sizes.device == "cuda" and not torch.cuda.is_available():
        print("PyTorch cannot use a GPU here: nothing to measure.")
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measure(untrained_bundle(Path(folder), sizes), sizes)
    where = torch.cuda.get_device_name() if sizes.device == "cuda" else "the CPU"
    shape = " x ".join(str(n) for n in sizes.shape)
    print(f"{shape} voxels, width {sizes.width}, windows of {sizes.slices}, on {where}\n")
    print(table(found))


if __name__ == "__main__":
    main()
