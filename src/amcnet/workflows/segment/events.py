"""Progress events for programs: ``amcnet segment --progress json`` writes JSON lines to stdout.

``docs/progress.md`` describes the format.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from amcnet.inference import Stage
from amcnet.version import __version__
from amcnet.workflows.outcome import Outcome
from amcnet.workflows.segment.options import Job
from amcnet.workflows.segment.progress_display import LEAST_SECONDS, RunProgressTracker, VolumeEvent
from amcnet.workflows.segment.result import SegmentedFile

PROTOCOL = 1
"""Version of the format, incremented by incompatible changes."""

_COUNTED = (Stage.NETWORK, Stage.LABELLING, Stage.SEARCHING_AXES)


class JsonEvents:
    """Turns progress events into JSON objects, from any thread.

    Args:
        emit: Receives each object; all of them have ``protocol`` and ``event``.
    """

    def __init__(self, emit: Callable[[dict[str, Any]], None]) -> None:
        self._emit = emit
        self._lock = threading.RLock()
        self._jobs: Sequence[Job] = ()
        self._pace = RunProgressTracker(1)
        self._stages: dict[int, Stage] = {}
        self._last: dict[int, float] = {}

    def begin(self, jobs: Sequence[Job]) -> None:
        """Report the start of a run."""
        self._jobs, self._pace = jobs, RunProgressTracker(len(jobs))

    def listen(self, event: VolumeEvent) -> None:
        """Report the progress of a volume; the listener of :func:`segment_files`."""
        with self._lock:
            volume = self._volume(event.number)
            pace = self._pace.see(event)
            if event.note:
                self._write("note", **volume, message=event.note)
                return
            before = self._stages.get(event.number)
            if event.stage is Stage.NETWORK and before is Stage.LABELLING:
                return  # windows run while slices are labelled
            if event.stage is not before:
                self._stages[event.number] = event.stage
                self._last.pop(event.number, None)
                self._write("stage", **volume, stage=str(event.stage))
            if event.stage in _COUNTED and self._is_due(event):
                self._write(
                    "progress",
                    **volume,
                    stage=str(event.stage),
                    done=event.done,
                    total=event.total,
                    fraction=pace.fraction,
                    seconds_left=pace.seconds_left,
                )

    def outcome(self, job: Job, outcome: Outcome[SegmentedFile]) -> None:
        """Report the outcome of a volume."""
        number = self._jobs.index(job) + 1
        volume, pace = self._volume(number), self._pace.end(number)
        result = outcome.result
        if result is None:
            self._write("error", **volume, message=outcome.error, interrupted=False)
            return
        self._write(
            "result",
            **volume,
            output=str(result.output),
            seconds=round(outcome.seconds, 2),
            fraction=pace.fraction,
            found=result.found,
            wanted=result.wanted,
            notice=result.notice,
            axes=result.axes,
            notes=list(result.notes),
            summary=result.remark,
            **result.details,
        )

    def skipped(self, job: Job) -> None:
        """Report that a volume was skipped because its output exists."""
        self._write("skipped", input=str(job.source), output=str(job.target))

    def error(self, message: str, interrupted: bool = False) -> None:
        """Report the error that ended the run."""
        self._write("error", message=message, interrupted=interrupted)

    def _write(self, event: str, **values: object) -> None:
        with self._lock:
            self._emit({"protocol": PROTOCOL, "event": event} | values)

    def _volume(self, number: int) -> dict[str, Any]:
        jobs = self._jobs
        return {"volume": number, "volumes": len(jobs), "input": str(jobs[number - 1].source)}

    def _is_due(self, event: VolumeEvent) -> bool:
        now = time.monotonic()
        last = self._last.get(event.number)
        if last is not None and event.done < event.total and now - last < LEAST_SECONDS:
            return False
        self._last[event.number] = now
        return True


class JsonLines(JsonEvents):
    """Writes progress events as JSON lines on stdout.

    The first line is ``start``. If the reader is gone, an :class:`OSError` ends the work.
    """

    def __init__(self) -> None:
        super().__init__(_write_line)
        self._write("start", version=__version__, pid=os.getpid())

    def outcome(self, job: Job, outcome: Outcome[SegmentedFile]) -> None:
        """Report the outcome of a volume; errors go to stderr too, for readers of the log."""
        super().outcome(job, outcome)
        if outcome.error is not None:
            sys.stderr.write(f"amcnet: {outcome.error}\n")


def _write_line(values: dict[str, Any]) -> None:
    """Write one line; raises ValueError for values that JSON cannot represent."""
    sys.stdout.write(json.dumps(values, allow_nan=False) + "\n")
    sys.stdout.flush()
