"""Progress for programs: ``amcnet segment --progress json`` writes JSON lines on stdout.

``docs/progress.md`` tells what they mean.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from amcnet.version import __version__

if TYPE_CHECKING:
    from amcnet.inference import Segmentation
    from amcnet.quality import QualityReport
    from amcnet.workflows.segment.finishing import Finisher
    from amcnet.workflows.segment.run import Job, Outcome, SegmentOptions

PROTOCOL = 1
"""Version of the lines; it goes up when a reader of the old ones would be wrong."""

_LEAST_SECONDS = 0.1  # between two lines of progress


class JsonLines:
    """Writes what happens to some volumes, one JSON object a line, from whatever thread.

    It begins with the line ``start``. A reader that is gone is an :class:`OSError`, which ends the
    work: nobody waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._volume: dict[str, Any] = {}
        self._pace = Pace(1)
        self._stage = ""
        self.write("start", version=__version__, pid=os.getpid())

    def write(self, event: str, **values: object) -> None:
        """Write one line; what JSON cannot hold is an error."""
        line = json.dumps({"protocol": PROTOCOL, "event": event} | values, allow_nan=False)
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def begin(self, jobs: "Sequence[Job]", index: int) -> None:
        """Begin a volume."""
        if index == 0:
            self._pace = Pace(len(jobs))
        self._pace.begin()
        source = str(jobs[index].source)
        self._volume = {"volume": index + 1, "volumes": len(jobs), "input": source}
        self._stage = ""
        self.stage("starting")

    def stage(self, stage: str) -> None:
        """Say what is going on from now on."""
        if stage != self._stage:
            self._stage = stage
            self.write("stage", **self._volume, stage=stage)

    def __call__(self, done: int, total: int, now: str) -> None:
        """Say how many slices are labelled; the display of :func:`segment_files`."""
        self.stage("segmenting")
        if (state := self._pace.step(done, total)) is not None:
            self.write("progress", **self._volume, done=done, total=total, **state)
        if done == total:
            self.stage("cleaning up")

    def outcome(self, outcome: "Outcome", details: dict[str, Any]) -> None:
        """Tell what came of a volume."""
        self._pace.end()
        if outcome.error is not None:
            self.error(outcome.error)
            sys.stderr.write(f"amcnet: {outcome.error}\n")  # for whoever reads the log
            return
        self.write(
            "result",
            **self._volume,
            output=str(outcome.job.target),
            seconds=round(outcome.seconds, 2),
            found=outcome.found,
            wanted=outcome.wanted,
            notice=outcome.notice,
            **details,
        )

    def error(self, message: str, interrupted: bool = False) -> None:
        """Tell why a volume, or all of it, was not segmented."""
        self.write("error", **self._volume, message=message, interrupted=interrupted)


class Pace:
    """Knows how far several volumes are and how long the rest of them will take.

    Args:
        volumes: How many there are.
        clock: Returns seconds.
    """

    def __init__(self, volumes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._volumes, self._clock = volumes, clock
        self._complete = 0
        self._first = self._began = clock()
        self._told: float | None = None

    def begin(self) -> None:
        """Begin a volume."""
        self._began, self._told = self._clock(), None

    def end(self) -> None:
        """End a volume."""
        self._complete += 1

    def step(self, done: int, total: int) -> dict[str, float | None] | None:
        """Return what there is to tell, or nothing so shortly after the last time.

        Args:
            done: Slices of this volume that are done.
            total: All of them.
        """
        now = self._clock()
        if self._told is not None and done < total and now - self._told < _LEAST_SECONDS:
            return None
        self._told = now
        share = done / total
        left = (now - self._began) * (1 - share) / share if share else None
        others = self._volumes - self._complete - 1
        if left is not None and others:
            each = (now - self._first + left) / (self._complete + 1)
            left += each * others
        return {
            "fraction": round((self._complete + share) / self._volumes, 4),
            "seconds_left": None if left is None else round(left, 1),
        }


@dataclass
class Teller:
    """Finishes a volume as ``finisher`` does, and keeps what its line ``result`` tells.

    Attributes:
        finisher: Writes and checks.
        lines: Where stages are told.
        details: What was found in the volume that was finished last.
    """

    finisher: "Finisher"
    lines: JsonLines
    details: dict[str, Any] = field(default_factory=dict)

    def __call__(self, job: "Job", result: "Segmentation", write: Callable[[], None]) -> str:
        """Finish a volume, see :func:`amcnet.workflows.segment_files`."""
        from amcnet.measurement import measure_structures
        from amcnet.parallel import in_background

        self.lines.stage("writing")
        measuring = in_background(
            partial(
                measure_structures,
                result.labels,
                result.spacing_mm,
                result.table,
                result.confidence,
            )
        )
        found: list[QualityReport] = []
        finisher = replace(self.finisher, tell=lambda _, quality: found.append(quality))
        remark = finisher(job, result, write)
        also = None if finisher.also is None else str(finisher.also)
        quality = found[0].to_dict()
        self.details = {
            "also": also,
            "geometry": {
                "size": list(result.geometry.size),
                "spacing_mm": list(result.geometry.spacing_mm),
                "origin_mm": list(result.geometry.origin_mm),
                "direction": list(result.geometry.direction),
            },
            "verdict": quality["verdict"],
            "summary": remark,
            "findings": quality["findings"],
            "structures": _structures(result, found[0], measuring.result()),
        }
        return remark


def segment_in_lines(
    jobs: "Sequence[Job]",
    options: "SegmentOptions",
    finisher: "Finisher",
    outcomes: "list[Outcome]",
    lines: JsonLines,
) -> None:
    """Segment volumes, tell all of it in lines, and add what came of each to the outcomes."""
    from amcnet.workflows.segment.run import segment_files

    teller = Teller(finisher, lines)
    with closing(segment_files(jobs, options, lines, teller)) as coming:
        for index in range(len(jobs)):
            lines.begin(jobs, index)
            outcomes.append(next(coming))
            lines.outcome(outcomes[-1], teller.details)


def _structures(
    result: "Segmentation", quality: "QualityReport", measurements: "Sequence[Any]"
) -> list[dict[str, Any]]:
    """Return what is known of each structure of the table."""
    from amcnet.io.segment_list import make_segments
    from amcnet.measurement.rows import row_of

    rows, segments = [], make_segments(result.table, result.geometry.size)
    for structure, measurement, segment in zip(result.table, measurements, segments, strict=True):
        row = row_of(measurement)
        # Places are the business of whoever has the labels.
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
