"""Progress and results of ``amcnet segment`` for people."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from textwrap import indent
from typing import TYPE_CHECKING

from amcnet.cli.console import tell
from amcnet.errors import one_line

if TYPE_CHECKING:
    from amcnet.cli.progress_update import Update
    from amcnet.workflows.outcome import Outcome
    from amcnet.workflows.segment.options import Job
    from amcnet.workflows.segment.progress_display import VolumeEvent
    from amcnet.workflows.segment.result import SegmentedFile


class TextReporter:
    """Prints results on stdout, and stage, remaining time, notes and errors on stderr."""

    def __init__(self) -> None:
        self._bar = ExitStack()
        self._update: Update | None = None
        self._labelling: set[int] = set()
        self._lock = threading.Lock()
        self._show("loading the model", 0, 0, None)

    def close(self) -> None:
        """Remove the progress bar before something is printed."""
        with self._lock:
            self._bar.close()
            self._update = None

    def _show(self, text: str, done: int, total: int, seconds_left: float | None) -> None:
        from amcnet.cli.console import progress

        with self._lock:
            if self._update is None:
                self._update = self._bar.enter_context(progress(text, quiet_seconds=5))
            self._update(done, total, text, seconds_left)

    def begin(self, jobs: "Sequence[Job]") -> None:
        """Report the start of a run."""
        from amcnet.workflows.segment.progress_display import RunProgressTracker

        self._pace = RunProgressTracker(len(jobs))
        self._numbers = {job: number for number, job in enumerate(jobs, start=1)}

    def listen(self, event: "VolumeEvent") -> None:
        """Report the progress of a volume."""
        from amcnet.inference import Stage

        pace = self._pace.see(event)
        if event.note:
            self.close()
            tell(event.note)
            return
        if event.stage is Stage.LABELLING:
            self._labelling.add(event.number)
        elif event.stage is Stage.SEARCHING_AXES:
            self._labelling.discard(event.number)
        elif event.stage is Stage.NETWORK and event.number in self._labelling:
            return  # windows run while slices are labelled
        place = f"{event.number} of {event.volumes}: " if event.volumes > 1 else ""
        text = f"{place}{event.source.name}: {event.stage}"
        self._show(text, event.done, event.total, pace.seconds_left)

    def skipped(self, job: "Job") -> None:
        """Report that a volume was skipped."""
        from amcnet.cli.console import stdout

        self.close()
        stdout().print(one_line(f"{job.target}: exists already, skipped"))

    def outcome(self, job: "Job", outcome: "Outcome[SegmentedFile]") -> None:
        """Report the outcome of a volume."""
        from amcnet.cli.console import stdout

        self.close()
        self._pace.end(self._numbers[job])
        result = outcome.result
        if result is None:
            tell(f"{outcome.error}")
            return
        found = f"{result.found} of {result.wanted} structures found"
        stdout().print(one_line(f"{result.output}: {found}, {outcome.seconds:.1f} s"))
        if result.remark:
            stdout().print(indent(result.remark, "  "))
