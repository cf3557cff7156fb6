"""Check what `amcnet segment` needs on this machine: packages, models, memory, backends, speed."""

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

from amcnet.errors import count_text, in_words
from amcnet.extras import EXTRAS, has_extra
from amcnet.version import __version__

if TYPE_CHECKING:
    from amcnet.bundle import BundleDescription

_GIB = 2**30
_PACKAGES = ("numpy", "scipy", "SimpleITK", "nibabel", "pydicom")
_LEAST_TEMPORARY_GIB = 0.1  # space for copies of single files
# Scans of the paper's device, see docs/volumes.md.
_SCAN_SHAPE, _SCAN_SPACING_MM = (609, 1023, 512), (0.279, 0.130, 0.088)


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check.

    Attributes:
        topic: Group of checks, such as ``model``.
        name: What was checked, such as the name of a model.
        value: The result, in words.
        problem: Reason why `amcnet segment` cannot work; empty if it can.
    """

    topic: str
    name: str
    value: str
    problem: str = ""


@dataclass(frozen=True)
class Health:
    """The results of all checks.

    Attributes:
        findings: In the order of the checks.
    """

    findings: tuple[Diagnosis, ...]

    @property
    def is_well(self) -> bool:
        """Whether `amcnet segment` can work."""
        return not any(finding.problem for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain data for JSON."""
        return {"ok": self.is_well, "findings": [asdict(finding) for finding in self.findings]}


Starting = Callable[[str], None]
"""Called with the name of the next check, such as ``speed``, if it may take seconds."""


def examine(speed: bool = True) -> Health:
    """Run all checks; a check that fails becomes a finding, not an error.

    Args:
        speed: Also run the network on a window, which takes seconds.
    """
    return Health(tuple(examine_in_turn(speed)))


def examine_in_turn(speed: bool = True, starting: Starting = lambda _: None) -> Iterator[Diagnosis]:
    """Yield each finding as soon as it is known; all checks together may take half a minute.

    Args:
        speed: Also run the network on a window, which takes seconds.
        starting: Called with the name of the next check.
    """
    parts: list[tuple[str, Callable[[Starting], Iterator[Diagnosis]]]] = [
        ("version", _versions),
        ("optional part", _extras),
        ("model", _models),
        ("machine", _machine),
        ("backend", _backends),
    ]
    if speed:
        parts.append(("speed", _speed))
    for topic, check in parts:
        try:
            yield from check(starting)
        except Exception as error:  # this is where a broken installation shows
            yield Diagnosis(topic, "failed", "", in_words(error, Path(topic)))


def _versions(starting: Starting) -> Iterator[Diagnosis]:
    yield Diagnosis("version", "amcnet", __version__)
    yield Diagnosis("version", "Python", f"{platform.python_version()}, {sys.executable}")
    yield Diagnosis("version", "system", f"{platform.system()} {platform.machine()}")
    for package in _PACKAGES:
        starting(package)
        yield _package(package, partial(import_module, package))
    starting("openvino")
    yield _package("openvino", _openvino)


def _package(package: str, load: Callable[[], object]) -> Diagnosis:
    try:
        load()
        return Diagnosis("version", package, metadata.version(package))
    except Exception as error:  # a native library that does not load raises OSError, for example
        return Diagnosis("version", package, "unusable", in_words(error, Path(package)))


def _openvino() -> object:
    from amcnet.runtime.openvino import openvino

    return openvino()


def _extras(_: Starting) -> Iterator[Diagnosis]:
    for extra in EXTRAS:
        there = "installed" if has_extra(extra) else f"no: pip install 'amcnet[{extra}]'"
        yield Diagnosis("optional part", extra, there)


def _models(starting: Starting) -> Iterator[Diagnosis]:
    from amcnet.bundle import list_models, load_bundle
    from amcnet.bundle.locate import BUNDLED_NAME
    from amcnet.errors import ModelError

    for model in list_models():
        starting(f"model {model.name}")
        try:
            labels = len(load_bundle(model.folder).description.labels)
            yield Diagnosis("model", model.name, f"complete, {count_text(labels, 'structure')}")
        except ModelError as error:
            # Other models are only needed on request.
            problem = str(error) if model.name == BUNDLED_NAME else ""
            yield Diagnosis("model", model.name, f"unusable: {error}", problem)


def _machine(_: Starting) -> Iterator[Diagnosis]:
    from amcnet.memory import available_bytes
    from amcnet.parallel import processors

    yield Diagnosis("machine", "processors", f"{processors()} of {os.cpu_count()}")
    free = available_bytes()
    usual, need = _need_bytes()
    scan = " x ".join(map(str, _SCAN_SHAPE))
    yield Diagnosis(
        "machine",
        "memory",
        f"{free / _GIB:.1f} GiB free; a scan of {scan} takes {usual / _GIB:.1f} GiB, "
        f"{need / _GIB:.1f} GiB at least",
        ""
        if free >= need
        else f"memory: {free / _GIB:.1f} GiB are free, expected at least {need / _GIB:.1f} GiB",
    )
    folder = Path(tempfile.gettempdir())
    left = shutil.disk_usage(folder).free / _GIB
    enough = left >= _LEAST_TEMPORARY_GIB
    problem = (
        ""
        if enough
        else f"{folder}: {left:.2f} GiB are free, expected at least {_LEAST_TEMPORARY_GIB} GiB"
    )
    yield Diagnosis("machine", "temporary files", f"{left:.1f} GiB free in {folder}", problem)


def _description() -> "BundleDescription":
    from amcnet.bundle import read_description
    from amcnet.bundle.locate import default_bundle_folder

    return read_description(default_bundle_folder())


def _need_bytes() -> tuple[float, float]:
    """Return the peak memory for one scan: with the usual windows, and with the shortest ones."""
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
        "balanced", description.window, description.mirror_axes, needs.space_to_depth
    ).fitted(grid[0], shortest[0], shortest)
    least = Windows(shortest[0], least_shape=shortest)
    # One byte per voxel, twice during reading; freed before the network runs.
    read = 2.0 * prod(_SCAN_SHAPE)
    usual, short = (
        max(read, work.need_bytes(windows) + 4.0 * prod(grid)) for windows in (whole, least)
    )
    return usual, short


def _backends(starting: Starting) -> Iterator[Diagnosis]:
    from amcnet.inference.engine_selection import has_gpu

    chosen = "torch" if has_gpu() else "openvino"
    yield Diagnosis("backend", "auto", chosen)
    if not has_extra("train"):
        yield Diagnosis("backend", "torch", "not installed")
        return
    starting("torch")
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU only"
    yield Diagnosis("backend", "torch", f"{torch.__version__}, {where}")


def _speed(starting: Starting) -> Iterator[Diagnosis]:
    """Run the bundled network with OpenVINO on one window of the paper's device."""
    import numpy as np

    from amcnet.bundle import load_bundle
    from amcnet.bundle.description import IR_FILE
    from amcnet.inference.openvino_network import OpenVINONetwork

    starting("the speed of the network")
    bundle = load_bundle()
    description = bundle.description
    grid = description.preprocessing.network_shape(_SCAN_SHAPE, _SCAN_SPACING_MM)
    shape = (description.architecture.in_channels, description.window, *grid[1:])
    window = np.random.default_rng(0).standard_normal(shape, np.float32)
    backend = OpenVINONetwork(bundle.path(IR_FILE))
    start = time.perf_counter()
    backend.logits(window)
    first = time.perf_counter() - start
    start = time.perf_counter()
    backend.logits(window)
    seconds = min(first, time.perf_counter() - start)
    size = " x ".join(map(str, shape[1:]))
    windows = -(-grid[0] // description.window)
    rate = backend.operations() / seconds / 1e9
    yield Diagnosis(
        "speed",
        "openvino",
        f"{seconds:.1f} s for a window of {size} ({rate:.0f} GFLOP/s); "
        f"{count_text(windows, 'window')} per scan; {first - seconds:.1f} s more for the first one",
    )
