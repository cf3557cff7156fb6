"""What was found in a volume: the result that the loop, JSON lines and the manifest pass on."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amcnet.inference import Segmentation
from amcnet.io.segment_list import make_segments
from amcnet.labelmaps.selection import find_structures
from amcnet.measurement import measure_structures
from amcnet.measurement.measurement_rows import row_of
from amcnet.quality import QualityReport, is_hand_table
from amcnet.workflows.segment.options import Job, SegmentOptions


@dataclass(frozen=True)
class SegmentedFile:
    """What was found in a volume that is segmented and written.

    All of it is JSON but the path.

    Attributes:
        output: The file with the labels, or the folder with the masks.
        found: Number of structures that were found, of those that were wanted.
        wanted: Number of structures that were wanted.
        notice: What the model's users must know.
        axes: What the file's x, y and z were taken for, such as ``depth,lateral,scan``.
        verdict: ``ok``, ``look`` or ``bad``; empty for labels that are not a hand's.
        remark: The verdict and the worst findings in a line or two; empty as the verdict is.
        notes: Sentences about the file and its axes.
        details: Geometry, findings and the sizes of all structures, see ``docs/progress.md``; empty
            unless :attr:`SegmentOptions.measure` asks for them.
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
    """Return what was found in a volume.

    Args:
        job: The volume.
        options: How it was segmented.
        labelled: All labels that were found.
        quality: Their check; None where they were not checked.
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
    """Return what is known of each structure of the table."""
    segments = make_segments(labelled.table, labelled.geometry.size)
    measurements = measure_structures(
        labelled.labels, labelled.spacing_mm, labelled.table, labelled.confidence
    )
    rows = []
    for structure, measurement, segment in zip(labelled.table, measurements, segments, strict=True):
        row = row_of(measurement)
        # Places are left to programs that have the labels.
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
            }
        )
    return rows
