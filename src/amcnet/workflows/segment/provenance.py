"""Provenance of a segmentation, as names and values for a report."""

import platform
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from amcnet.bundle import BundleDescription, find_model, read_description
from amcnet.bundle.bundle import sha256_of
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.inference import Segmentation
from amcnet.io import Geometry
from amcnet.version import __version__
from amcnet.workflows.segment.file_names import channel_files
from amcnet.workflows.segment.options import Job, SegmentOptions

_PACKAGES = ("numpy", "scipy", "SimpleITK", "openvino", "torch")


def making_of_segmentation(
    job: Job, options: SegmentOptions, result: Segmentation, write_seconds: float
) -> dict[str, str]:
    """Return the provenance of the labels of a volume.

    Args:
        job: The volume and its outputs.
        options: Segmentation options.
        result: All labels found.
        write_seconds: Time spent writing the labels.

    Raises:
        ModelError: If the model no longer exists.
    """
    models = [read_description(find_model(model)) for model in options.models or (None,)]
    inputs = channel_files(job.source, models[0].architecture.in_channels)
    rows = _files("input", inputs) | {"labels": job.target.name} | _grid(result.geometry)
    for number, model in enumerate(models, start=1):
        rows |= _model(f"model {number}" if len(models) > 1 else "model", model)
    seconds = result.seconds | {"write": write_seconds}
    return (
        rows
        | {
            "settings": _settings(options, result.geometry.axes),
            "seconds": ", ".join(f"{name} {time:.1f}" for name, time in seconds.items()),
        }
        | _software()
    )


def making_of_labels(labels: Path, image: Path | None, geometry: Geometry) -> dict[str, str]:
    """Return the provenance of a label file from elsewhere.

    Args:
        labels: The file.
        image: The volume that was segmented, if known.
        geometry: Grid of the labels.
    """
    rows = _files("labels", [labels]) | ({} if image is None else _files("image", [image]))
    return rows | _grid(geometry) | {"model": "unknown: not stated in a label file"} | _software()


def _files(name: str, files: Sequence[Path]) -> dict[str, str]:
    return {
        name: ", ".join(file.name for file in files),
        f"{name}, SHA-256": ", ".join(map(_sha256, files)),
    }


def model_hashes(options: SegmentOptions) -> list[str]:
    """Return the SHA-256 of the weights of each model."""
    models = [read_description(find_model(model)) for model in options.models or (None,)]
    return [model.sha256[WEIGHTS_FILE] for model in models]


def software_versions() -> dict[str, str]:
    """Return the versions of this package, Python and the main dependencies."""
    versions = {"amcnet": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _sha256(file: Path) -> str:
    return sha256_of(file) if file.is_file() else "none: a folder of DICOM images"


def _grid(geometry: Geometry) -> dict[str, str]:
    shape = " x ".join(str(size) for size in geometry.canonical_shape)
    spacing = " x ".join(f"{size:.4g}" for size in geometry.canonical_spacing_mm)
    return {"grid": f"{shape} voxels of {spacing} mm (scan, lateral, depth)"}


def _model(name: str, model: BundleDescription) -> dict[str, str]:
    return {
        name: model.name,
        f"{name}, version": f"trained with the code of commit {model.provenance.commit}",
        f"{name}, licence": model.licence or "not stated",
        f"{name}, SHA-256 of the weights": model.sha256[WEIGHTS_FILE],
        f"{name}, training data": model.provenance.training_data,
    }


def _settings(options: SegmentOptions, axes: str) -> str:
    memory = "all free memory" if options.memory_gb is None else f"{options.memory_gb:g} GiB"
    return ", ".join(
        [
            f"quality {options.quality}",
            f"backend {options.backend}",
            f"device {options.device}",
            f"axes {options.axes} ({axes})",
            f"voxel size {_spacing_text(options)}",
            f"colours {options.colour}",
            f"clean-up {'on' if options.cleanup else 'off'}",
            f"memory {memory}",
            f"written {'; '.join(options.only) or 'all structures'}",
        ]
    )


def _spacing_text(options: SegmentOptions) -> str:
    if options.spacing_mm is None:
        return "from the file"
    return f"{' x '.join(f'{size:g}' for size in options.spacing_mm)} mm as given"


def _software() -> dict[str, str]:
    versions = software_versions()
    python = versions.pop("python")
    parts = [f"{name} {number}" for name, number in versions.items()]
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {"software": ", ".join([*parts, f"Python {python}"]), "date and time": now}
