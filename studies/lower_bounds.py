"""Lower bounds for the time of a segmentation: operations and bytes divided by measured rates."""

import time
import zlib
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from amcnet.bundle import load_bundle
from amcnet.inference.quality_presets import Quality, choose_windows
from amcnet.inference.sliding_windows import window_starts
from amcnet.io import read_geometry
from amcnet.networks import build_network

MATRIX = 4096
COPY_BYTES = 2**28


def bounds(volume: Path, model: str | None, quality: Quality) -> dict[str, float]:
    """Return the minimum time in seconds to segment a file, and the parts that it consists of."""
    description = load_bundle(model).description
    geometry = read_geometry(volume)
    shape = description.preprocessing.network_shape(
        geometry.canonical_shape, geometry.canonical_spacing_mm
    )
    windows = choose_windows(quality, description.window, description.mirror_axes)
    count = len(window_starts(shape[0], windows.slices, windows.overlap)) * (1 + windows.mirror)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build_network(description.architecture)
        network(torch.empty(1, description.architecture.in_channels, windows.slices, *shape[1:]))
    operations = counter.get_total_flops() * count
    voxels = float(np.prod(geometry.canonical_shape))
    # Read once, labels written once; the logits of the network's grid, written and read.
    logits = 4.0 * description.architecture.num_classes * float(np.prod(shape))
    touched = 2 * voxels + 2 * logits
    matrix_rate, copy_rate = matrix_operations_per_second(), copied_bytes_per_second()
    return {
        "windows": count,
        "operations": float(operations),
        "operations_per_second": matrix_rate,
        "network_seconds": operations / matrix_rate,
        "bytes": touched,
        "bytes_per_second": copy_rate,
        "copy_seconds": touched / copy_rate,
        "inflate_seconds": inflate_seconds(volume),
    }


def matrix_operations_per_second() -> float:
    a, b = np.ones((MATRIX, MATRIX), np.float32), np.ones((MATRIX, MATRIX), np.float32)
    return 2.0 * MATRIX**3 / median(timed(lambda: a @ b) for _ in range(3))


def copied_bytes_per_second() -> float:
    source = np.ones(COPY_BYTES, np.uint8)
    target = np.ones_like(source)
    return COPY_BYTES / median(timed(lambda: np.copyto(target, source)) for _ in range(3))


def inflate_seconds(path: Path) -> float:
    """Return the time that zlib alone takes for a gzipped NRRD; 0 for other files."""
    data = path.read_bytes()
    header_end = data.find(b"\n\n") + 2
    if not data.startswith(b"NRRD") or data[header_end : header_end + 2] != b"\x1f\x8b":
        return 0.0
    return timed(lambda: zlib.decompress(data[header_end:], wbits=31))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
