"""Result of one volume, for the command line, JSON events and the manifest."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amcnet.inference import Segmentation
from amcnet.io.segment_list import make_segments
from amcnet.labelmaps.selection import find_structures
from amcnet.measurement import measure_structures
from amcnet.measurement.measurement_rows import row_of
from amcnet.quality import QualityReport, is_hand_table
from amcnet.quality.findings import rounded_dice
from amcnet.workflows.segment.options import Job, SegmentOptions


@dataclass(frozen=True)
class SegmentedFile:
    """Result of a volume that was segmented and written.

    All attributes except the path can be represented in JSON.

    Attributes:
        output: File of the labels, or folder of the masks.
        found: Number of requested structures that were found.
        wanted: Number of requested structures.
        notice: Notice of the model for its users.
        axes: Interpretation of the file's x, y and z, such as ``depth,lateral,scan``.
        verdict: ``ok``, ``look`` or ``bad``; empty if the labels are not those of a hand.
        remark: The verdict and the worst findings in one or two lines; empty like the verdict.
        notes: Sentences about the file and its axes.
        details: Geometry, findings and sizes of all structures, see ``docs/progress.md``; empty
            unless :attr:`SegmentOptions.measure` is set.

    Example:
        >>> result = SegmentedFile(Path("a.seg.nrrd"), 36, 38, "", "scan,lateral,depth", "look")
        >>> f"{result.found} of {result.wanted} structures, verdict: {result.verdict}"
        '36 of 38 structures, verdict: look'
    """

    output: Path
    found: int
    wanted: int
    notice: str
    axes: str
    verdict: str = ""
    remark: str = ""
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


def summarise_job(
    job: Job,
    options: SegmentOptions,
    labelled: Segmentation,
    quality: QualityReport | None,
    notes: tuple[str, ...],
) -> SegmentedFile:
    """Summarise the result of a volume.

    Args:
        job: The volume.
        options: Segmentation options.
        labelled: All labels found.
        quality: The quality report; None if the labels were not checked.
        notes: Sentences about the file and its axes.
    """
    table = labelled.table
    wanted = find_structures(table, options.only) if options.only else tuple(s.value for s in table)
    is_hand = quality is not None and is_hand_table(table)
    return SegmentedFile(
        output=job.target,
        found=sum(value in wanted for value in labelled.confidence),
        wanted=len(wanted),
        notice=labelled.notice,
        axes=labelled.geometry.axes,
        verdict=str(quality.verdict) if quality is not None and is_hand else "",
        remark=quality.summary() if quality is not None and is_hand else "",
        notes=notes,
        details=_details(job, labelled, quality) if options.measure and quality else {},
    )


def _details(job: Job, labelled: Segmentation, quality: QualityReport) -> dict[str, Any]:
    geometry, checked = labelled.geometry, quality.to_dict()
    return {
        "also": None if job.also is None else str(job.also),
        "geometry": {
            "size": list(geometry.size),
            "spacing_mm": list(geometry.spacing_mm),
            "origin_mm": list(geometry.origin_mm),
            "direction": list(geometry.direction),
        },
        "verdict": checked["verdict"],
        "findings": checked["findings"],
        "structures": _structures(labelled, quality),
    }


def _structures(labelled: Segmentation, quality: QualityReport) -> list[dict[str, Any]]:
    """Return name, sizes and severity of each structure."""
    segments = make_segments(labelled.table, labelled.geometry.size)
    measurements = measure_structures(
        labelled.labels, labelled.spacing_mm, labelled.table, labelled.confidence
    )
    rows = []
    for structure, measurement, segment in zip(labelled.table, measurements, segments, strict=True):
        row = row_of(measurement)
        # Positions are omitted; programs can compute them from the labels.
        row = {key: value for key, value in row.items() if not key.startswith("centroid")}
        rows.append(
            row
            | {
                "kind": structure.kind,
                "group": structure.group,
                "color_rgb": list(structure.color_rgb),
                "codes": structure.codes,
                "terminology": segment["terminology"],
                "verdict": str(quality.severity_of(structure.value)),
                "predicted_dice": rounded_dice(quality.predicted_dice.get(structure.value)),
            }
        )
    return rows
