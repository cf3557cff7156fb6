"""Segmenting: a volume in, labels on its own grid out."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.data.channels import network_input
from amcnet.errors import ConfigError, InputError
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.engine import BackendName, Engine
from amcnet.inference.engine_choice import make_engine
from amcnet.inference.ensemble import check_members
from amcnet.inference.memory_plan import Workload, make_plan
from amcnet.inference.probabilities import probability_file
from amcnet.inference.quality_presets import Quality, choose_windows
from amcnet.inference.sliding_windows import Windows
from amcnet.io import Geometry, Volume, write_labels
from amcnet.io.dicom import SegType
from amcnet.labelmaps.cleanup import clean_up
from amcnet.labelmaps.run_length import RunLengthEncoder
from amcnet.memory import GIB, available_bytes, check_room
from amcnet.parallel import Progress, no_progress

ModelSource = str | Path


@dataclass(frozen=True)
class Segmentation:
    """Labels of one volume.

    Attributes:
        labels: uint8 (scan, lateral, depth), on the grid of the input.
        geometry: Where the labels lie: that of the input.
        table: What the labels mean.
        confidence: Label value -> mean probability, for the structures that were found; 0 for one
            that wins at none of the network's samples, only between them.
        notice: What the model's users must know.
        seconds: Stage -> time it took. The network runs beside the labelling: ``network`` is the
            time it was busy, ``labels`` that of both together.
    """

    labels: NDArray[np.uint8]
    geometry: Geometry
    table: LabelTable
    confidence: dict[int, float]
    notice: str
    seconds: dict[str, float]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size in (scan, lateral, depth)."""
        return self.geometry.canonical_spacing_mm

    def write(
        self, path: str | Path, overwrite: bool = False, seg_type: SegType = "binary"
    ) -> None:
        """Write the labels; the extension says how, see :func:`amcnet.io.write_labels`."""
        write_labels(path, self.labels, self.geometry, self.table, overwrite, seg_type=seg_type)


@dataclass(frozen=True)
class Prepared:
    """A volume as the network sees it; the volume itself is not needed any more.

    Attributes:
        image: float32 (channel, scan, lateral, depth) on the network's grid.
        geometry: Grid of the volume.
        seconds: Time that it took.
    """

    image: NDArray[np.float32]
    geometry: Geometry
    seconds: float


class Segmenter:
    """A model, or an ensemble, that is loaded once and segments any number of volumes.

    Args:
        model: Folder of a model bundle or name of an installed model; the one that ships with the
            package where left out. Several are an ensemble: their logits are averaged.
        backend: ``openvino``, ``torch``, or ``auto``: PyTorch where it is installed and there is
            an NVIDIA GPU, else OpenVINO.
        quality: ``fast``, ``balanced`` or ``best``, see :func:`choose_windows`.
        memory_gb: Use at most this much memory (2**30 bytes), beyond what is in use already; what
            the machine has where left out.

    Several threads may use one segmenter: labelling is done for one volume after the other.

    Attributes:
        bundles: The members of the ensemble, mostly one. Labels, preprocessing, window and input
            channels are the same in all of them.
        bundle: The first of them.

    Raises:
        ModelError: If a bundle is missing or damaged, or the members do not fit each other.
        ConfigError: If the quality is unknown or the memory not more than 0.
    """

    def __init__(
        self,
        model: ModelSource | Sequence[ModelSource] | None = None,
        backend: BackendName = "auto",
        quality: Quality = "balanced",
        memory_gb: float | None = None,
    ) -> None:
        models = [model] if model is None or isinstance(model, str | Path) else model
        self.bundles = tuple(load_bundle(one) for one in models)
        check_members(self.bundles)
        self.bundle = self.bundles[0]
        mirrored = all(bundle.description.mirrored for bundle in self.bundles)
        description = self.bundle.description
        self._windows = choose_windows(
            quality, description.window, mirrored, description.network_needs.space_to_depth
        )
        if memory_gb is not None and not memory_gb > 0:
            raise ConfigError(f"memory: found {memory_gb:g} GiB, expected more than 0")
        self._memory_gb = memory_gb
        self._engine: Engine = make_engine(backend, self.bundles)
        self._labelling = Lock()  # an engine does one volume at a time

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
        progress: Progress = no_progress,
        cleanup: bool = True,
        probabilities: Path | None = None,
    ) -> Segmentation:
        """Segment a volume: :meth:`prepare`, then :meth:`label`."""
        volumes = [volume] if isinstance(volume, Volume) else list(volume)
        return self.label(self.prepare(volumes), progress, cleanup, probabilities)

    def prepare(self, volumes: Sequence[Volume]) -> Prepared:
        """Bring a volume to the network's grid.

        Args:
            volumes: One for each input channel of the model, on the same grid.

        Raises:
            InputError: If there are too many or too few volumes, or their grids differ.
            NotEnoughMemoryError: If the network's grid has too many voxels for this machine.
        """
        start = time.perf_counter()
        check_channels(volumes, self.channels)
        first, preprocessing = volumes[0], self.bundle.description.preprocessing
        grid = preprocessing.network_shape(first.array.shape, first.spacing_mm)
        # The image as float32, and once more while its mean and deviation are taken.
        check_room("the volume on the network's grid", 8.0 * len(volumes) * prod(grid))
        image = network_input(volumes, preprocessing)
        return Prepared(image, first.geometry, time.perf_counter() - start)

    def label(
        self,
        prepared: Prepared,
        progress: Progress = no_progress,
        cleanup: bool = True,
        probabilities: Path | None = None,
    ) -> Segmentation:
        """Label a volume that has been prepared.

        Args:
            prepared: The volume.
            progress: Called with (slices done, slices in all).
            cleanup: Clean up the labels, see :func:`amcnet.labelmaps.cleanup.clean_up`.
            probabilities: A ``.npy`` file for the probabilities of all classes on the network's
                grid, see :func:`amcnet.inference.probabilities.probability_file`.

        Raises:
            NotEnoughMemoryError: If the machine is too small for the volume.
            OutputError: If the probabilities cannot be written.
        """
        description = self.bundle.description
        image, shape = prepared.image, prepared.geometry.canonical_shape
        meter = ConfidenceMeter(description.architecture.num_classes)
        collector = RunLengthEncoder()
        with self._labelling, ExitStack() as files:
            windows = self._plan(image.shape[1:], shape)
            labels = np.empty(shape, np.uint8)
            start, network_before = time.perf_counter(), self._engine.network_seconds
            keep = None
            if probabilities is not None:
                file = probability_file(
                    probabilities, image.shape[1:], prepared.geometry, description.label_table
                )
                keep = files.enter_context(file)
            planes = self._engine.label_slices(image, shape, windows, meter, keep)
            for index, plane in enumerate(planes):
                labels[index] = plane
                collector.add(plane)
                progress(index + 1, shape[0])
            network_seconds = self._engine.network_seconds - network_before
        labelled = time.perf_counter()
        runs = collector.runs()
        if cleanup:
            clean_up(labels, runs, description.label_table, prepared.geometry.canonical_spacing_mm)
        means = meter.means()
        return Segmentation(
            labels=labels,
            geometry=prepared.geometry,
            table=description.label_table,
            confidence={v: means.get(v, 0.0) for v in np.unique(runs.value).tolist()},
            notice=self.notice,
            seconds={
                "resample": prepared.seconds,
                "network": network_seconds,
                "labels": labelled - start,
                "clean-up": time.perf_counter() - labelled,
            },
        )

    def _plan(self, network_shape: tuple[int, ...], shape: tuple[int, ...]) -> Windows:
        """Return windows that fit into memory."""
        limit = available_bytes()
        if self._memory_gb is not None:
            limit = min(limit, self._memory_gb * GIB)
        description = self.bundle.description
        needs, classes = description.network_needs, description.architecture.num_classes
        # The file holds 16 bits each.
        weights = tuple(2 * bundle.path(WEIGHTS_FILE).stat().st_size for bundle in self.bundles)
        work = Workload(network_shape, shape, needs, classes, weights)
        shortest = description.shortest_window or description.window
        windows = self._windows.fitted(network_shape[0], shortest, needs.least_shape)
        return make_plan(work, windows, limit)


def check_channels(volumes: Sequence[Volume], channels: int) -> None:
    """Check that there is one volume for each channel.

    Raises:
        InputError: If not.
    """
    if len(volumes) != channels:
        raise InputError(
            f"volumes: found {len(volumes)}, expected {channels}, one for each input channel of "
            "the model"
        )
