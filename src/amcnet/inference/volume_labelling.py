"""Label a prepared volume: windows that fit into memory, the network, and the refiner."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.bundle import Bundle
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.engine import Engine
from amcnet.inference.memory_plan import Workload, fit_to_memory
from amcnet.inference.prepared import Prepared
from amcnet.inference.probabilities import probability_file
from amcnet.inference.progress import Stage, StageProgress
from amcnet.inference.refinement import BoundaryRefiner
from amcnet.inference.refinement_evidence import RefinementEvidence
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import run_ahead
from amcnet.labelmaps.run_length import RunLengthEncoder
from amcnet.memory import GIB, available_bytes


@dataclass(frozen=True)
class LabelledVolume:
    """Labels before clean-up, with confidence and timing.

    Attributes:
        labels: uint8 (scan, lateral, depth), on the grid of the volume.
        runs: Their run-length encoding.
        meter: Confidence of the network in each structure.
        refinement: Evidence from the refiner; None without refinement.
        network_seconds: Time that the network was busy.
        seconds: Time of the whole work.
    """

    labels: NDArray[np.uint8]
    runs: RunLengthEncoder
    meter: ConfidenceMeter
    refinement: RefinementEvidence | None
    network_seconds: float
    seconds: float


def windows_in_memory(
    bundles: Sequence[Bundle], windows: Windows, prepared: Prepared, memory_gb: float | None
) -> Windows:
    """Return windows for a volume that fit into memory.

    Args:
        bundles: The model, or the members of an ensemble.
        windows: The windows of the quality.
        prepared: The volume.
        memory_gb: Memory limit in GiB (2**30 bytes); None for all free memory.

    Raises:
        NotEnoughMemoryError: If nothing fits.
    """
    limit = available_bytes()
    if memory_gb is not None:
        limit = min(limit, memory_gb * GIB)
    description = bundles[0].description
    needs, classes = description.network_needs, description.architecture.num_classes
    # The file holds 16-bit values.
    weights = tuple(2 * bundle.path(WEIGHTS_FILE).stat().st_size for bundle in bundles)
    network_shape, shape = prepared.image.shape[1:], prepared.geometry.canonical_shape
    work = Workload(network_shape, shape, needs, classes, weights)
    shortest = description.shortest_window or description.window
    fitted = windows.fitted(network_shape[0], shortest, needs.least_shape)
    return fit_to_memory(work, fitted, limit)


def label_prepared(
    bundle: Bundle,
    engine: Engine,
    refiner: BoundaryRefiner | None,
    prepared: Prepared,
    windows: Windows,
    progress: StageProgress,
    probabilities: Path | None,
) -> LabelledVolume:
    """Label a volume, without clean-up.

    Args:
        bundle: The model.
        engine: Runs the network.
        refiner: Corrects the boundaries of a volume that has a ``fine_image``.
        prepared: The volume.
        windows: Size and overlap of the windows.
        progress: Called with (stage, steps done, number of steps), from several threads.
        probabilities: A ``.npy`` file for the probabilities; None for none.

    Raises:
        NotEnoughMemoryError: If the machine has too little memory.
        OutputError: If the probabilities cannot be written.
    """
    description, image = bundle.description, prepared.image
    shape = prepared.geometry.canonical_shape
    meter = ConfidenceMeter(description.architecture.num_classes)
    refinement: list[RefinementEvidence] = []
    runs = RunLengthEncoder()
    with ExitStack() as files:
        labels = np.empty(shape, np.uint8)
        start, network_before = time.perf_counter(), engine.network_seconds
        logits_callback = None
        if probabilities is not None:
            file = probability_file(
                probabilities, image.shape[1:], prepared.geometry, description.label_table
            )
            logits_callback = files.enter_context(file)

        def network_progress(done: int, total: int) -> None:
            progress(Stage.NETWORK, done, total)

        fine = prepared.fine_image
        first_shape = shape if fine is None else fine.shape[1:]
        planes = engine.label_slices(
            image, first_shape, windows, meter, logits_callback, network_progress
        )
        if fine is not None and refiner is not None:
            planes = refiner.label_slices(fine, planes, shape, refinement.append)
        for index, plane in enumerate(run_ahead(planes)):
            labels[index] = plane
            runs.add(plane)
            progress(Stage.LABELLING, index + 1, shape[0])
        network_seconds = engine.network_seconds - network_before
    return LabelledVolume(
        labels,
        runs,
        meter,
        refinement[0] if refinement else None,
        network_seconds,
        time.perf_counter() - start,
    )
