"""Segmenting: a volume in, labels on its own grid out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.data.channels import network_input
from amcnet.inference.backends import Backend, BackendName, make_backend
from amcnet.inference.cleanup import keep_largest_pieces
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.ensemble import Ensemble, check_members
from amcnet.inference.labelling import label_slices
from amcnet.inference.sources import Source, as_volumes, check_channels
from amcnet.inference.stream import stream_logits
from amcnet.io import Geometry, Volume, write_labels

ModelSource = str | Path
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
    """A model, or an ensemble, that is loaded once and segments any number of volumes.

    Args:
        model: Folder of a model bundle or name of an installed model; the one that ships with the
            package where left out. Several are an ensemble: their logits are averaged.
        backend: ``openvino`` or ``torch``.

    Attributes:
        bundles: The members of the ensemble, mostly one. Labels, preprocessing, window and input
            channels are the same in all of them.
        bundle: The first of them.

    Raises:
        ModelError: If a bundle is missing or damaged, or the members do not fit each other.
    """

    def __init__(
        self,
        model: ModelSource | Sequence[ModelSource] | None = None,
        backend: BackendName = "openvino",
    ) -> None:
        models = [model] if model is None or isinstance(model, str | Path) else model
        self.bundles = tuple(load_bundle(one) for one in models)
        check_members(self.bundles)
        self.bundle = self.bundles[0]
        members = [make_backend(backend, bundle) for bundle in self.bundles]
        self._backend: Backend = members[0] if len(members) == 1 else Ensemble(members)

    @property
    def channels(self) -> int:
        """Number of volumes that one segmentation takes."""
        return self.bundle.description.architecture.in_channels

    @property
    def notice(self) -> str:
        """What the users of the model must know; the members' different notices, one a line."""
        return "\n".join(dict.fromkeys(bundle.description.notice for bundle in self.bundles))

    def __call__(
        self,
        volume: Volume | Sequence[Volume],
        progress: Progress = lambda done, total: None,
        cleanup: bool = True,
    ) -> Segmentation:
        """Segment a volume.

        Args:
            volume: The volume, or one for each input channel of the model, on the same grid.
            progress: Called with (slices done, slices in all).
            cleanup: Keep only the largest piece of every structure.

        Raises:
            InputError: If there are too many or too few volumes, or their grids differ.
        """
        volumes = [volume] if isinstance(volume, Volume) else list(volume)
        check_channels(volumes, self.channels)
        description = self.bundle.description
        image = network_input(volumes, description.preprocessing)
        meter = ConfidenceMeter(description.architecture.num_classes)
        logits = stream_logits(image, description.window, _OVERLAP, self._backend.logits)
        scan, lateral, depth = volumes[0].array.shape
        labels = np.empty((scan, lateral, depth), np.uint8)
        planes = label_slices(meter.watch(logits), image.shape[1], (scan, lateral, depth))
        voxels = np.zeros(description.architecture.num_classes, np.int64)
        for index, plane in enumerate(planes):
            labels[index] = plane
            voxels += np.bincount(plane.ravel(), minlength=len(voxels))
            progress(index + 1, scan)
        if cleanup:
            labels = keep_largest_pieces(labels)
        return Segmentation(
            labels=labels,
            geometry=volumes[0].geometry,
            table=description.label_table,
            confidence={v: mean for v, mean in meter.means().items() if voxels[v]},
            notice=self.notice,
        )


def segment(
    source: Source | Sequence[Source],
    spacing_mm: tuple[float, float, float] | None = None,
    *,
    axes: str = "auto",
    model: ModelSource | Sequence[ModelSource] | None = None,
    backend: BackendName = "openvino",
    cleanup: bool = True,
) -> Segmentation:
    """Segment one volume.

    Args:
        source: Path of a file, SimpleITK image, :class:`amcnet.io.Volume`, or an array
            (scan, lateral, depth) together with ``spacing_mm``. For a model of several input
            channels a list with one of these for each, all on the same grid, or an array
            (channel, scan, lateral, depth).
        spacing_mm: Voxel size of an array in (scan, lateral, depth).
        axes: What the axes of a file or image mean, ``auto`` by its direction cosines.
        model: Folder of a model bundle or name of an installed model; the one that ships with the
            package where left out. Several are an ensemble: their logits are averaged.
        backend: ``openvino`` or ``torch``.
        cleanup: Keep only the largest piece of every structure.

    Returns:
        The labels, on the grid of the (first) input.

    Raises:
        InputError: If the volume cannot be used.
        ModelError: If the model cannot be used.
    """
    segmenter = Segmenter(model, backend)
    volumes = as_volumes(source, spacing_mm, axes, segmenter.channels)
    return segmenter(volumes, cleanup=cleanup)
