"""A data set of scans that a model has labelled itself."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from amcnet.bundle import load_bundle
from amcnet.data import Correction, add_case
from amcnet.errors import InputError, count_text
from amcnet.inference.quality_presets import Quality
from amcnet.io import Colour, Geometry
from amcnet.io.geometry import Triple
from amcnet.quality.findings import NO_HAND_KINDS
from amcnet.training.adaptation.scan_verdict import ScanVerdict, Verdicts, make_verdict
from amcnet.workflows import Job, SegmentedFile, SegmentOptions, segment_files
from amcnet.workflows.segment.options import AXES_SEARCH

logger = logging.getLogger(__name__)


class SelfLabelling(BaseModel):
    """How scans are read and labelled.

    Attributes:
        quality: Quality of the segmentation; ``fast`` leaves out a refiner.
        sure: Structures with a lower expected Dice get the ignore label.
        axes: Meaning of the files' axes, see :class:`amcnet.workflows.SegmentOptions`.
        spacing_mm: Voxel size in (scan, lateral, depth) that overrides the files'.
        colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    quality: Quality = "fast"
    sure: float = Field(0.7, ge=0, le=1)
    axes: str = "auto"
    spacing_mm: Triple | None = None
    colour: Colour = "luma"

    def check_axes(self) -> None:
        """Check the axes before any file is read.

        Raises:
            InputError: If they are no order of depth, lateral and scan.
        """
        if self.axes not in ("auto", AXES_SEARCH):
            Geometry.canonical((1, 1, 1), (1.0, 1.0, 1.0)).with_axes(self.axes)


def label_scans(
    model: Path, scans: Sequence[Path], folder: Path, options: SelfLabelling
) -> Verdicts:
    """Label scans with a model and write them as a data set in nnU-Net's layout.

    Scans that cannot be read or, with the labels of a hand, show no hand, are left out.

    Args:
        model: The model.
        scans: Files or DICOM folders of one channel.
        folder: Folder of the data set, which must not exist.
        options: How scans are read and labelled.

    Returns:
        The verdicts on all scans that could be read, including those that show no hand. If the
        model is sure of no structure, there is nothing to train on.

    Raises:
        InputError: If no scan can be read.
    """
    table = load_bundle(model).description.label_table
    labels = folder.with_name(f"{folder.name}-labels")
    labels.mkdir(parents=True, exist_ok=True)
    jobs = [Job(scan, labels / f"{n:04d}.seg.nrrd") for n, scan in enumerate(scans, start=1)]
    segmenting = SegmentOptions(
        models=(str(model),),
        quality=options.quality,
        axes=options.axes,
        spacing_mm=options.spacing_mm,
        colour=options.colour,
        overwrite=True,
        measure=True,
    )
    verdicts = []
    for job, outcome in zip(jobs, segment_files(jobs, segmenting), strict=True):
        if outcome.result is None:
            logger.warning("%s: is left out", outcome.error)
            continue
        result = outcome.result
        if problem := _unusable(result):
            logger.warning("%s: is left out: %s", job.source, problem)
            nothing = ScanVerdict(
                scan=job.source.name, implausible=len(table), expected_dice=0, sure=0
            )
            verdicts.append(nothing)
            continue
        verdict = make_verdict(job.source.name, result.details, options.sure)
        reading = segmenting.reading(result.axes)
        correction = Correction((), verdict.unsure)
        add_case(job.source, job.target, folder, correction, table, reading)
        verdicts.append(verdict)
    shutil.rmtree(labels)
    if not verdicts:
        raise InputError(
            f"none of {count_text(len(scans), 'scan')} could be read, expected at least one"
        )
    return Verdicts(scans=tuple(verdicts))


def _unusable(result: SegmentedFile) -> str:
    """Return why labels cannot be learned from; empty if they can."""
    findings = result.details["findings"]
    return next((f["message"] for f in findings if f["kind"] in NO_HAND_KINDS), "")
