"""Segment from Python: files, images, arrays or tensors in, labels on their own grids out."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

from amcnet.errors import ConfigError
from amcnet.inference import Segmentation, Segmenter, Stage, StageProgress, keep_only
from amcnet.inference.engine import BackendName
from amcnet.inference.prepared import Prepared
from amcnet.inference.progress import no_stage_progress
from amcnet.inference.quality_presets import Quality
from amcnet.inference.segmenter import ModelSource
from amcnet.inference.sources import Source, array_of_source, is_batch
from amcnet.io import Colour, Reading
from amcnet.io.geometry import Triple
from amcnet.quality import is_hand_table
from amcnet.workflows.segment.axes_search import search_axes
from amcnet.workflows.segment.checking import check, is_better, looks_turned, with_prediction
from amcnet.workflows.segment.options import AXES_SEARCH

_log = logging.getLogger(__name__)


@overload
def segment(
    source: list[Source] | tuple[Source, ...],
    spacing_mm: Triple | None = ...,
    *,
    axes: str = ...,
    series: str | None = ...,
    colour: Colour = ...,
    model: ModelSource | Sequence[ModelSource] | None = ...,
    backend: BackendName = ...,
    device: str = ...,
    quality: Quality = ...,
    memory_gb: float | None = ...,
    cleanup: bool = ...,
    only: Iterable[str] | str | None = ...,
    progress: StageProgress = ...,
) -> list[Segmentation]: ...


@overload
def segment(
    source: Source | None = ...,
    spacing_mm: Triple | None = ...,
    *,
    channels: Sequence[Source] | None = ...,
    axes: str = ...,
    series: str | None = ...,
    colour: Colour = ...,
    model: ModelSource | Sequence[ModelSource] | None = ...,
    backend: BackendName = ...,
    device: str = ...,
    quality: Quality = ...,
    memory_gb: float | None = ...,
    cleanup: bool = ...,
    only: Iterable[str] | str | None = ...,
    probabilities: str | Path | None = ...,
    progress: StageProgress = ...,
) -> Segmentation: ...


def segment(
    source: Source | list[Source] | tuple[Source, ...] | None = None,
    spacing_mm: Triple | None = None,
    *,
    channels: Sequence[Source] | None = None,
    axes: str = "auto",
    series: str | None = None,
    colour: Colour = "luma",
    model: ModelSource | Sequence[ModelSource] | None = None,
    backend: BackendName = "auto",
    device: str = "auto",
    quality: Quality = "balanced",
    memory_gb: float | None = None,
    cleanup: bool = True,
    only: Iterable[str] | str | None = None,
    probabilities: str | Path | None = None,
    progress: StageProgress = no_stage_progress,
) -> Segmentation | list[Segmentation]:
    """Segment one volume, or each volume of a list.

    Args:
        source: Path of a file or of a folder of DICOM images, SimpleITK image,
            :class:`amcnet.io.Volume`, array or PyTorch tensor (scan, lateral, depth); for a model
            of several channels also an array (channel, scan, lateral, depth). A list is a batch.
        spacing_mm: Voxel size in (scan, lateral, depth). Required for arrays; for files and images,
            it overrides the header.
        channels: Instead of ``source``, for a model of several channels: one source per channel,
            all on the same grid.
        axes: Interpretation of x, y and z of a file or image. ``auto``: by its direction cosines,
            and by a search (which is logged) if no hand is found; ``search``: always by a search.
        series: UID or number of the series in a DICOM input that holds several.
        colour: ``luma`` turns colours into intensities and reports it in the log, ``refuse``
            refuses them.
        model: Folder of a model bundle or name of an installed model; None is the bundled model.
            The logits of several models (an ensemble) are averaged.
        backend: ``openvino``, ``torch`` or ``auto``, see :class:`amcnet.inference.Segmenter`.
        device: ``auto``, ``cpu``, ``cuda:N``, ``mps`` or ``xpu``.
        quality: ``fast``, ``balanced`` or ``best``.
        memory_gb: Upper limit of additional memory in GiB (2**30 bytes).
        cleanup: Clean up the labels, see :func:`amcnet.labelmaps.cleanup.clean_up`.
        only: Names, kinds or groups of structures to keep, see :func:`keep_only`; None keeps all.
        probabilities: A ``.npy`` file for the probabilities of all classes.
        progress: Called with (stage, steps done, number of steps), from several threads.

    Returns:
        The labels on the grid of the (first) input; a list of results for a list.

    Raises:
        InputError: If the volume cannot be used.
        ModelError: If the model, backend or device cannot be used.
        NotEnoughMemoryError: If the machine has too little memory.
        OutputError: If the probabilities cannot be written.

    >>> import numpy as np
    >>> empty = segment(np.zeros((40, 30, 20), np.uint8), (4.0, 4.0, 2.0), quality="fast")
    >>> empty.labels.shape, empty.confidence
    ((40, 30, 20), {})
    """
    segmenter = Segmenter(model, backend, quality, memory_gb, device)
    reading = Reading(spacing_mm, axes, series, colour)
    if is_batch(source):
        if channels is not None or probabilities is not None:
            raise ConfigError("source: found a list of volumes, expected one volume here")
        one_by_one = (
            _segment_one(segmenter, one, None, reading, progress, cleanup, None) for one in source
        )
        return [result if only is None else keep_only(result, only) for result in one_by_one]
    path = None if probabilities is None else Path(probabilities)
    result = _segment_one(segmenter, source, channels, reading, progress, cleanup, path)
    return result if only is None else keep_only(result, only)


def _segment_one(
    segmenter: Segmenter,
    source: Source | None,
    channels: Sequence[Source] | None,
    reading: Reading,
    progress: StageProgress,
    cleanup: bool,
    probabilities: Path | None,
) -> Segmentation:
    """Segment a volume; search its axes on request or if no hand is found."""

    def label(prepared: Prepared) -> Segmentation:
        return segmenter.label(prepared, progress, cleanup, probabilities)

    has_axes = all(array_of_source(one) is None for one in (channels or [source]))
    is_search = reading.axes == AXES_SEARCH
    progress(Stage.READING, 0, 0)
    as_stored = replace(reading, axes="auto") if is_search and has_axes else reading
    # The volume itself is freed before the labels are made.
    prepared = segmenter.read(source, channels, as_stored)
    may_search = has_axes and is_hand_table(segmenter.bundle.description.label_table)
    result = None if is_search and may_search else label(prepared)
    if result is not None and (reading.axes != "auto" or not may_search):
        return _with_prediction(result)
    if result is not None:
        quality = check(result)
        result = with_prediction(result, quality)
        if not looks_turned(result, quality):
            return result
    found = search_axes(prepared, segmenter, progress, reading.spacing_mm)
    if result is not None and not found.is_hand:
        return result
    turned = label(segmenter.read(source, channels, replace(reading, axes=found.axes)))
    quality = check(turned)
    if result is not None and not is_better(turned, quality, result):
        return result
    _log.warning("searched the axes, found axes='%s'", found.axes)
    return with_prediction(turned, quality)


def _with_prediction(result: Segmentation) -> Segmentation:
    """Return a result, with predicted Dice coefficients if the model allows them."""
    return result if result.dice_weights is None else with_prediction(result, check(result))
