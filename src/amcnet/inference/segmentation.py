"""Segmenting: a volume in, labels on its own grid out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.bundle import Bundle, load_bundle
from amcnet.errors import InputError
from amcnet.inference.backends import Backend, BackendName, make_backend
from amcnet.inference.cleanup import keep_largest_pieces
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.labelling import label_slices
from amcnet.inference.stream import stream_logits
from amcnet.io import (
    Geometry,
    Volume,
    read_volume,
    volume_from_array,
    volume_from_image,
    write_labels,
)

Source = str | Path | Volume | NDArray[Any] | Any
Progress = Callable[[int, int], None]

_OVERLAP = 0.5


@dataclass(frozen=True)
class Segmentation:
    """Labels of one volume.

    Attributes:
        labels: uint8 (scan, lateral, depth), on the grid of the input.
        geometry: Where the labels lie: that of the input.
        table: What the labels mean.
        confidence: Label value -> mean probability, for the structures that were found.
        notice: What the model's users must know.
    """

    labels: NDArray[np.uint8]
    geometry: Geometry
    table: LabelTable
    confidence: dict[int, float]
    notice: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size in (scan, lateral, depth)."""
        return self.geometry.canonical_spacing_mm

    def write(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the labels; the extension says how, see :func:`amcnet.io.write_labels`."""
        write_labels(path, self.labels, self.geometry, self.table, overwrite)


class Segmenter:
    """A model that is loaded once and segments any number of volumes.

    Args:
        model: Folder of a model bundle; the one that ships with the package where left out.
        backend: ``openvino`` or ``torch``.

    Raises:
        ModelError: If the bundle is missing or damaged.
    """

    def __init__(self, model: str | Path | None = None, backend: BackendName = "openvino") -> None:
        self.bundle: Bundle = load_bundle(model)
        self._backend: Backend = make_backend(backend, self.bundle)

    def __call__(
        self,
        volume: Volume,
        progress: Progress = lambda done, total: None,
        cleanup: bool = True,
    ) -> Segmentation:
        """Segment a volume.

        Args:
            volume: The volume.
            progress: Called with (slices done, slices in all).
            cleanup: Keep only the largest piece of every structure.
        """
        description = self.bundle.description
        image = description.preprocessing.apply(volume.array, volume.spacing_mm)
        meter = ConfidenceMeter(description.architecture.num_classes)
        logits = stream_logits(image, description.window, _OVERLAP, self._backend.logits)
        scan, lateral, depth = volume.array.shape
        labels = np.empty((scan, lateral, depth), np.uint8)
        planes = label_slices(meter.watch(logits), len(image), (scan, lateral, depth))
        voxels = np.zeros(description.architecture.num_classes, np.int64)
        for index, plane in enumerate(planes):
            labels[index] = plane
            voxels += np.bincount(plane.ravel(), minlength=len(voxels))
            progress(index + 1, scan)
        if cleanup:
            labels = keep_largest_pieces(labels)
        return Segmentation(
            labels=labels,
            geometry=volume.geometry,
            table=description.label_table,
            confidence={v: mean for v, mean in meter.means().items() if voxels[v]},
            notice=description.notice,
        )


def segment(
    source: Source,
    spacing_mm: tuple[float, float, float] | None = None,
    *,
    axes: str = "auto",
    model: str | Path | None = None,
    backend: BackendName = "openvino",
    cleanup: bool = True,
) -> Segmentation:
    """Segment one volume.

    Args:
        source: Path of a file, SimpleITK image, :class:`amcnet.io.Volume`, or an array
            (scan, lateral, depth) together with ``spacing_mm``.
        spacing_mm: Voxel size of an array in (scan, lateral, depth).
        axes: What the axes of a file or image mean, ``auto`` by its direction cosines.
        model: Folder of a model bundle; the one that ships with the package where left out.
        backend: ``openvino`` or ``torch``.
        cleanup: Keep only the largest piece of every structure.

    Returns:
        The labels, on the grid of the input.

    Raises:
        InputError: If the volume cannot be used.
        ModelError: If the model cannot be used.
    """
    volume = _as_volume(source, spacing_mm, axes)
    return Segmenter(model, backend)(volume, cleanup=cleanup)


def _as_volume(source: Source, spacing_mm: tuple[float, float, float] | None, axes: str) -> Volume:
    if isinstance(source, np.ndarray):
        if spacing_mm is None:
            raise InputError("an array needs spacing_mm, expected (scan, lateral, depth) in mm")
        if axes != "auto":
            raise InputError(f"axes: found '{axes}', expected an array in (scan, lateral, depth)")
        return volume_from_array(source, spacing_mm)
    if spacing_mm is not None:
        raise InputError("spacing_mm: goes with an array, a file or image has its own")
    if isinstance(source, Volume):
        return source
    if isinstance(source, str | Path):
        return read_volume(source, axes)
    if hasattr(source, "GetDirection"):
        return volume_from_image(source, axes)
    raise InputError(
        f"source is a {type(source).__name__}, expected a path, a SimpleITK image or an array"
    )
