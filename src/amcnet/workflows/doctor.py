"""What is installed, what works, how fast: all that `amcnet segment` needs on this machine."""

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module, metadata
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amcnet.errors import in_words
from amcnet.extras import EXTRAS, has_extra
from amcnet.version import __version__

if TYPE_CHECKING:
    from amcnet.bundle import BundleDescription

_GIB = 2**30
_PACKAGES = ("numpy", "scipy", "SimpleITK", "slicerio", "pydicom", "highdicom")
_LEAST_TEMPORARY_GIB = 0.1  # copies of single files at most
# The scans of the paper's device: docs/volumes.md.
_SCAN_SHAPE, _SCAN_SPACING_MM = (609, 1023, 512), (0.279, 0.130, 0.088)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it belongs to, such as ``model``.
        name: What it is.
        value: What was found, in words.
        problem: Why it keeps `amcnet segment` from working; empty where it does not.
    """

    topic: str
    name: str
    value: str
    problem: str = ""


@dataclass(frozen=True)
class Health:
    """All findings.

    Attributes:
        findings: In the order in which they were found.
    """

    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing keeps `amcnet segment` from working."""
        return not any(finding.problem for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain data for JSON."""
        return {"ok": self.is_well, "findings": [asdict(finding) for finding in self.findings]}


def examine(speed: bool = True) -> Health:
    """Look at everything; nothing that is found raises an error.

    Args:
        speed: Run the network on a window too, which takes seconds.
    """
    parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("version", _versions),
        ("optional part", _extras),
        ("model", _models),
        ("machine", _machine),
        ("backend", _backends),
    ]
    if speed:
        parts.append(("speed", _speed))
    findings: list[Finding] = []
    for topic, look in parts:
        try:
            findings += look()
        except Exception as error:  # what is broken is what this is about
            findings.append(Finding(topic, "failed", "", in_words(error, Path(topic))))
    return Health(tuple(findings))


def _versions() -> Iterator[Finding]:
    yield Finding("version", "amcnet", __version__)
    yield Finding("version", "Python", f"{platform.python_version()}, {sys.executable}")
    yield Finding("version", "system", f"{platform.system()} {platform.machine()}")
    for package in _PACKAGES:
        yield _package(package, partial(import_module, package))
    yield _package("openvino", _openvino)


def _package(package: str, load: Callable[[], object]) -> Finding:
    try:
        load()
        return Finding("version", package, metadata.version(package))
    except Exception as error:  # a native library that does not load raises OSError, for example
        return Finding("version", package, "unusable", in_words(error, Path(package)))


def _openvino() -> object:
    from amcnet.runtime.openvino import openvino

    return openvino()


def _extras() -> Iterator[Finding]:
    for extra in EXTRAS:
        there = "installed" if has_extra(extra) else f"no: pip install 'amcnet[{extra}]'"
        yield Finding("optional part", extra, there)


def _models() -> Iterator[Finding]:
    from amcnet.bundle import list_models, load_bundle
    from amcnet.bundle.locate import BUNDLED_NAME
    from amcnet.errors import ModelError

    for model in list_models():
        try:
            labels = len(load_bundle(model.folder).description.labels)
            yield Finding("model", model.name, f"complete, {labels} structures")
        except ModelError as error:
            # Others are needed only by who names them.
            problem = str(error) if model.name == BUNDLED_NAME else ""
            yield Finding("model", model.name, f"unusable: {error}", problem)


def _machine() -> Iterator[Finding]:
    from amcnet.memory import available_bytes
    from amcnet.parallel import processors

    yield Finding("machine", "processors", f"{processors()} of {os.cpu_count()}")
    free = available_bytes()
    usual, need = _need_bytes()
    scan = " x ".join(map(str, _SCAN_SHAPE))
    yield Finding(
        "machine",
        "memory",
        f"{free / _GIB:.1f} GiB free; a scan of {scan} takes {usual / _GIB:.1f} GiB, "
        f"{need / _GIB:.1f} GiB at least",
        "" if free >= need else f"memory: {free / _GIB:.1f} GiB are free, expected more",
    )
    folder = Path(tempfile.gettempdir())
    left = shutil.disk_usage(folder).free / _GIB
    enough = left >= _LEAST_TEMPORARY_GIB
    problem = "" if enough else f"{folder}: {left:.2f} GiB are free, expected more"
    yield Finding("machine", "temporary files", f"{left:.1f} GiB free in {folder}", problem)


def _description() -> "BundleDescription":
    from amcnet.bundle import read_description
    from amcnet.bundle.locate import default_bundle_folder

    return read_description(default_bundle_folder())


def _need_bytes() -> tuple[float, float]:
    """Return what a scan takes at most, as a rule and in the least way, with short windows."""
    from amcnet.bundle.description import WEIGHTS_FILE
    from amcnet.bundle.locate import default_bundle_folder
    from amcnet.inference.memory_plan import Workload
    from amcnet.inference.quality_presets import choose_windows
    from amcnet.inference.sliding_windows import Windows

    description = _description()
    needs, classes = description.network_needs, description.architecture.num_classes
    grid = description.preprocessing.network_shape(_SCAN_SHAPE, _SCAN_SPACING_MM)
    weights = 2 * (default_bundle_folder() / WEIGHTS_FILE).stat().st_size
    work = Workload(grid, _SCAN_SHAPE, needs, classes, (weights,))
    shortest = needs.least_shape
    whole = choose_windows(
        "balanced", description.window, description.mirrored, needs.space_to_depth
    ).fitted(grid[0], shortest[0], shortest)
    least = Windows(shortest[0], least_shape=shortest)
    # One byte a voxel, twice while it is read; before the network runs it is free again.
    read = 2.0 * prod(_SCAN_SHAPE)
    usual, short = (
        max(read, work.need_bytes(windows) + 4.0 * prod(grid)) for windows in (whole, least)
    )
    return usual, short


def _backends() -> Iterator[Finding]:
    from amcnet.inference.engine_choice import has_gpu

    chosen = "torch" if has_gpu() else "openvino"
    yield Finding("backend", "auto", chosen)
    if not has_extra("train"):
        yield Finding("backend", "torch", "not installed")
        return
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU only"
    yield Finding("backend", "torch", f"{torch.__version__}, {where}")


def _speed() -> Iterator[Finding]:
    """Run the bundled network with OpenVINO on one window of the paper's device."""
    import numpy as np

    from amcnet.bundle import load_bundle
    from amcnet.bundle.description import IR_FILE
    from amcnet.inference.openvino_backend import OpenVINOBackend

    bundle = load_bundle()
    description = bundle.description
    grid = description.preprocessing.network_shape(_SCAN_SHAPE, _SCAN_SPACING_MM)
    shape = (description.architecture.in_channels, description.window, *grid[1:])
    window = np.random.default_rng(0).standard_normal(shape, np.float32)
    backend = OpenVINOBackend(bundle.path(IR_FILE))
    start = time.perf_counter()
    backend.logits(window)
    first = time.perf_counter() - start
    seconds = first
    for _ in range(2):
        start = time.perf_counter()
        backend.logits(window)
        seconds = min(seconds, time.perf_counter() - start)
    size = " x ".join(map(str, shape[1:]))
    windows = -(-grid[0] // description.window)
    rate = backend.operations() / seconds / 1e9
    yield Finding(
        "speed",
        "openvino",
        f"{seconds:.2f} s for a window of {size} ({rate:.0f} GFLOP/s), {windows} of which make a "
        f"scan; {first - seconds:.1f} s to load or compile",
    )
