"""A loaded model: volumes in, labels on their own grids out."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from math import prod
from pathlib import Path
from threading import Lock
from typing import overload

import numpy as np

from amcnet.bundle import load_bundle
from amcnet.bundle.dice_calibration import DiceWeights
from amcnet.data.channels import network_input
from amcnet.errors import ConfigError, InputError
from amcnet.inference.engine import BackendName, Engine
from amcnet.inference.engine_selection import make_engine
from amcnet.inference.ensemble import check_members
from amcnet.inference.prepared import Prepared
from amcnet.inference.progress import Stage, StageProgress, no_stage_progress
from amcnet.inference.quality_presets import Quality, choose_windows
from amcnet.inference.refinement import BoundaryRefiner
from amcnet.inference.segmentation import Segmentation
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.sources import Source, as_volume, channel_volumes, is_batch
from amcnet.inference.structure_evidence import gather_evidence
from amcnet.inference.volume_labelling import label_prepared, windows_in_memory
from amcnet.io import Colour, Reading, Volume
from amcnet.io.geometry import Triple
from amcnet.labelmaps.cleanup import clean_up
from amcnet.memory import check_room

ModelSource = str | Path


class Segmenter:
    """A loaded model or ensemble that segments any number of volumes.

    If the (first) model has a refiner, it corrects the boundaries unless the quality is ``fast``. A
    segmenter is thread-safe: it labels one volume at a time.

    Args:
        model: Folder of a model bundle or name of an installed model; None is the bundled model.
            The logits of several models (an ensemble) are averaged.
        backend: ``openvino``, ``torch``, or ``auto``: PyTorch if it is installed and an NVIDIA GPU
            is present, else OpenVINO.
        quality: ``fast``, ``balanced`` or ``best``, see :func:`choose_windows`.
        memory_gb: Upper limit of additional memory in GiB (2**30 bytes); None uses all free memory.
        device: ``auto``, ``cpu``, ``cuda:N``, ``mps`` or ``xpu``, see :func:`make_engine`.

    Attributes:
        bundles: The members of the ensemble, usually one. They agree in labels, preprocessing,
            window and input channels.
        bundle: The first member.

    Raises:
        ModelError: If a bundle is missing or damaged, the members are incompatible, or the backend
            or device cannot be used.
        ConfigError: If the quality is unknown or the memory is not positive.

    >>> segmenter = Segmenter()
    >>> segmenter.channels, len(segmenter.bundle.description.label_table)
    (1, 38)
    """

    def __init__(
        self,
        model: ModelSource | Sequence[ModelSource] | None = None,
        backend: BackendName = "auto",
        quality: Quality = "balanced",
        memory_gb: float | None = None,
        device: str = "auto",
    ) -> None:
        models = [model] if model is None or isinstance(model, str | Path) else model
        self.bundles = tuple(load_bundle(one) for one in models)
        check_members(self.bundles)
        self.bundle = self.bundles[0]
        self._windows = self._windows_of(quality)
        has_refiner = self.bundle.description.refiner is not None
        self._refiner = BoundaryRefiner(self.bundle) if has_refiner else None
        self._refines = has_refiner and quality != "fast"
        if memory_gb is not None and not memory_gb > 0:
            raise ConfigError(f"memory: found {memory_gb:g} GiB, expected more than 0")
        self._memory_gb = memory_gb
        self._engine: Engine = make_engine(backend, self.bundles, device)
        self._labelling = Lock()  # an engine processes one volume at a time

    def with_quality(self, quality: Quality) -> "Segmenter":
        """Return a segmenter of another quality that shares the loaded model.

        Raises:
            ConfigError: If the quality is unknown.
        """
        other = copy(self)
        other._windows = self._windows_of(quality)
        other._refines = self._refiner is not None and quality != "fast"
        return other

    def _windows_of(self, quality: Quality) -> Windows:
        description = self.bundle.description
        mirror_axes = set(description.mirror_axes)
        for bundle in self.bundles[1:]:
            mirror_axes &= set(bundle.description.mirror_axes)
        return choose_windows(
            quality, description.window, mirror_axes, description.network_needs.space_to_depth
        )

    @property
    def channels(self) -> int:
        """Number of input channels of the model."""
        return self.bundle.description.architecture.in_channels

    @property
    def notice(self) -> str:
        """Notice of the model for its users; distinct notices of the members, one per line."""
        return "\n".join(dict.fromkeys(bundle.description.notice for bundle in self.bundles))

    @overload
    def __call__(
        self,
        source: list[Source] | tuple[Source, ...],
        spacing_mm: Triple | None = ...,
        *,
        axes: str = ...,
        series: str | None = ...,
        colour: Colour = ...,
        progress: StageProgress = ...,
        cleanup: bool = ...,
    ) -> list[Segmentation]: ...

    @overload
    def __call__(
        self,
        source: Source | None = ...,
        spacing_mm: Triple | None = ...,
        *,
        channels: Sequence[Source] | None = ...,
        axes: str = ...,
        series: str | None = ...,
        colour: Colour = ...,
        progress: StageProgress = ...,
        cleanup: bool = ...,
        probabilities: Path | None = ...,
    ) -> Segmentation: ...

    def __call__(
        self,
        source: Source | list[Source] | tuple[Source, ...] | None = None,
        spacing_mm: Triple | None = None,
        *,
        channels: Sequence[Source] | None = None,
        axes: str = "auto",
        series: str | None = None,
        colour: Colour = "luma",
        progress: StageProgress = no_stage_progress,
        cleanup: bool = True,
        probabilities: Path | None = None,
    ) -> Segmentation | list[Segmentation]:
        """Segment a volume, or each volume of a list.

        Args:
            source: Path of a file or of a folder of DICOM images, SimpleITK image,
                :class:`amcnet.io.Volume`, array or PyTorch tensor (scan, lateral, depth); for a
                model of several channels also an array (channel, scan, lateral, depth). A list is
                a batch of volumes.
            spacing_mm: Voxel size in (scan, lateral, depth). Required for arrays; for files and
                images, it replaces the voxel size of the header.
            channels: Instead of ``source``, for a model of several channels: one source per
                channel, all on the same grid.
            axes: Meaning of x, y and z in files and images; ``auto`` uses the direction cosines.
            series: UID or number of the series in a DICOM input that holds several.
            colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.
            progress: Called with (stage, steps done, number of steps), from several threads.
            cleanup: Clean up the labels, see :func:`amcnet.labelmaps.cleanup.clean_up`.
            probabilities: A ``.npy`` file for the probabilities, see :meth:`label`.

        Returns:
            The labels on the grid of the (first) input; a list of results for a list.

        Raises:
            InputError: If a volume cannot be used.
            NotEnoughMemoryError: If the machine has too little memory.
        """
        reading = Reading(spacing_mm, axes, series, colour)
        if is_batch(source):
            if probabilities is not None or channels is not None:
                raise ConfigError("source: found a list of volumes, expected one volume here")
            return [self._segment(one, None, reading, progress, cleanup, None) for one in source]
        return self._segment(source, channels, reading, progress, cleanup, probabilities)

    def _segment(
        self,
        source: Source | None,
        channels: Sequence[Source] | None,
        reading: Reading,
        progress: StageProgress,
        cleanup: bool,
        probabilities: Path | None,
    ) -> Segmentation:
        progress(Stage.READING, 0, 0)
        prepared = self.read(source, channels, reading)
        return self.label(prepared, progress, cleanup, probabilities)

    def read(
        self, source: Source | None, channels: Sequence[Source] | None, reading: Reading
    ) -> Prepared:
        """Read a volume, from ``source`` or per channel, and resample it to the network's grid.

        Raises:
            InputError: If it cannot be used, or both or neither of ``source`` and ``channels`` are
                given.
            NotEnoughMemoryError: If the machine has too little memory.
        """
        if (source is None) == (channels is None):
            raise InputError("source: expected either a source or channels")
        if channels is None:
            return self.prepare(channel_volumes(source, self.channels, reading))
        if isinstance(channels, str | Path | Volume):
            raise InputError(f"channels: found {channels!r}, expected a list with one per channel")
        return self.prepare([as_volume(channel, reading) for channel in channels])

    def prepare(self, volumes: Sequence[Volume]) -> Prepared:
        """Resample a volume to the network's grid.

        Args:
            volumes: One for each input channel of the model, on the same grid.

        Raises:
            InputError: If there are too many or too few volumes, or their grids differ.
            NotEnoughMemoryError: If the network's grid has too many voxels for this machine.
        """
        start = time.perf_counter()
        _check_channels(volumes, self.channels)
        first, preprocessing = volumes[0], self.bundle.description.preprocessing
        grid = preprocessing.network_shape(first.array.shape, first.spacing_mm)
        # The image as float32, and a second copy while mean and deviation are computed.
        check_room("the volume on the network's grid", 8.0 * len(volumes) * prod(grid))
        with ThreadPoolExecutor(1) as pool:  # both grids at the same time
            refiner = self._refiner if self._refines else None
            coming = None if refiner is None else pool.submit(refiner.prepare, volumes)
            image = network_input(volumes, preprocessing)
            fine_image = None if coming is None else coming.result()
        return Prepared(image, first.geometry, time.perf_counter() - start, fine_image)

    def label(
        self,
        prepared: Prepared,
        progress: StageProgress = no_stage_progress,
        cleanup: bool = True,
        probabilities: Path | None = None,
    ) -> Segmentation:
        """Label a volume that has been prepared.

        Args:
            prepared: The volume.
            progress: Called with (stage, steps done, number of steps), from several threads.
            cleanup: Clean up the labels, see :func:`amcnet.labelmaps.cleanup.clean_up`.
            probabilities: A ``.npy`` file for the probabilities of all classes on the network's
                grid, see :func:`amcnet.inference.probabilities.probability_file`.

        Raises:
            NotEnoughMemoryError: If the machine has too little memory.
            OutputError: If the probabilities cannot be written.
        """
        with self._labelling:
            windows = windows_in_memory(self.bundles, self._windows, prepared, self._memory_gb)
            found = label_prepared(
                self.bundle, self._engine, self._refiner, prepared, windows, progress, probabilities
            )
        labelled = time.perf_counter()
        runs, table = found.runs.runs(), self.bundle.description.label_table
        if cleanup:
            progress(Stage.CLEANING_UP, 0, 0)
            several = self.bundle.description.several_components
            clean_up(found.labels, runs, table, prepared.geometry.canonical_spacing_mm, several)
        values = np.unique(runs.value).tolist()
        evidence = gather_evidence(values, found.meter, found.refinement)
        return Segmentation(
            labels=found.labels,
            geometry=prepared.geometry,
            table=table,
            confidence={value: one.probability for value, one in evidence.items()},
            notice=self.notice,
            seconds={
                "resample": prepared.seconds,
                "network": found.network_seconds,
                "labels": found.seconds,
                "clean-up": time.perf_counter() - labelled,
            },
            evidence=evidence,
            dice_weights=self._dice_weights(found.refinement is not None),
        )

    def _dice_weights(self, refined: bool) -> DiceWeights | None:
        """Return the weights that predict Dice coefficients; None for an ensemble."""
        calibration = self.bundle.description.calibration
        if calibration is None or len(self.bundles) > 1:
            return None
        return calibration.weights_for(refined)


def _check_channels(volumes: Sequence[Volume], channels: int) -> None:
    if len(volumes) != channels:
        raise InputError(
            f"channels: found {len(volumes)}, expected {channels}, one for each input channel of "
            "the model"
        )
