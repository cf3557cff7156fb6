"""Segment one volume: a file, an image or an array in, labels on its own grid out."""

from collections.abc import Sequence

from amcnet.inference.engine import BackendName
from amcnet.inference.quality_presets import Quality
from amcnet.inference.segmentation import ModelSource, Segmentation, Segmenter
from amcnet.workflows.segment.inputs import Source, as_volumes


def segment(
    source: Source | Sequence[Source],
    spacing_mm: tuple[float, float, float] | None = None,
    *,
    axes: str = "auto",
    model: ModelSource | Sequence[ModelSource] | None = None,
    backend: BackendName = "auto",
    quality: Quality = "balanced",
    cleanup: bool = True,
) -> Segmentation:
    """Segment one volume.

    Args:
        source: Path of a file or of a folder of DICOM images, SimpleITK image,
            :class:`amcnet.io.Volume`, or an array (scan, lateral, depth) together with
            ``spacing_mm``. For a model of several input channels a list with one of these for
            each, all on the same grid, or an array (channel, scan, lateral, depth).
        spacing_mm: Voxel size, in (scan, lateral, depth), of an array or of a DICOM file that
            does not say where its frames lie.
        axes: What the axes of a file or image mean, ``auto`` by its direction cosines.
        model: Folder of a model bundle or name of an installed model; the one that ships with the
            package where left out. Several are an ensemble: their logits are averaged.
        backend: What runs the network, see :class:`Segmenter`.
        quality: ``fast``, ``balanced`` or ``best``.
        cleanup: Clean up the labels, see :func:`amcnet.labelmaps.cleanup.clean_up`.

    Returns:
        The labels, on the grid of the (first) input.

    Raises:
        InputError: If the volume cannot be used.
        ModelError: If the model cannot be used.
        NotEnoughMemoryError: If the machine is too small for the volume.
    """
    segmenter = Segmenter(model, backend, quality)
    # The volume itself is free again before the labels are made.
    prepared = segmenter.prepare(as_volumes(source, spacing_mm, axes, segmenter.channels))
    return segmenter.label(prepared, cleanup=cleanup)
