"""Segment on a server: send volumes, follow the work and fetch results as if it ran locally."""

import zipfile
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from pathlib import Path
from typing import Any

from amcnet.errors import InputError, OutputError
from amcnet.inference import Stage
from amcnet.io import LABEL_EXTENSIONS, atomic_path, find_extension
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.parallel import in_background
from amcnet.service.client.server_connection import (
    ServerConnection,
    ServerError,
    UnreachableError,
    patient,
)
from amcnet.service.client.volume_package import packed_volume
from amcnet.service.job_options import checked_options
from amcnet.workflows.outcome import Outcome, run_for_file
from amcnet.workflows.segment.masks import MASK_EXTENSION
from amcnet.workflows.segment.options import Job, SegmentOptions, probabilities_path
from amcnet.workflows.segment.progress_display import Listener, VolumeEvent, ignore_event
from amcnet.workflows.segment.result import SegmentedFile

_AT_ONCE = 4  # volumes that are sent, worked on and fetched
_STEP_SECONDS = 0.1
_DETAILS = ("geometry", "verdict", "findings", "structures")


class RemoteRun:
    """Segments volumes on a server.

    Args:
        server: The server.
        capabilities: Its description of itself.
    """

    def __init__(self, server: ServerConnection, capabilities: Mapping[str, Any]) -> None:
        self._server, self._capabilities = server, capabilities

    def __call__(
        self, jobs: Sequence[Job], options: SegmentOptions, listen: Listener = ignore_event
    ) -> Generator[Outcome[SegmentedFile], None, None]:
        """Segment volumes, a few at a time.

        A run that was interrupted can be repeated: the server recognises volumes and options, so
        the results that it has finished meanwhile are fetched.

        Args:
            jobs: The volumes.
            options: Segmentation options.
            listen: Receives progress events, from several threads.

        Yields:
            The outcome of each volume, as they finish.
        """
        waiting = list(enumerate(jobs, start=1))
        running: set[Future[Outcome[SegmentedFile]]] = set()
        while waiting or running:
            while waiting and len(running) < _AT_ONCE:
                number, job = waiting.pop(0)
                event = VolumeEvent(number, len(jobs), job.source, Stage.READING)
                work = partial(self._segment, job, options, event, listen)
                running.add(in_background(partial(run_for_file, job.source, work, job.target)))
            done, running = wait(running, _STEP_SECONDS, FIRST_COMPLETED)
            for future in done:
                yield future.result()

    def _segment(
        self, job: Job, options: SegmentOptions, event: VolumeEvent, listen: Listener
    ) -> SegmentedFile:
        listen(event)
        channels = int(self._capabilities["channels"])
        with packed_volume(job.source, channels) as package:
            size, most = package.file.stat().st_size, int(self._capabilities["most_bytes"])
            if size > most:
                raise InputError(
                    f"{job.source}: is {size / 2**30:.2f} GiB, the server takes at most "
                    f"{most / 2**30:.2f} GiB"
                )
            fields = _fields(job, options) | {"name": package.name}
            if package.is_archive:
                fields["archive"] = "zip"
            submit = partial(self._server.upload, "/jobs", package.file, package.sha256, fields)
            accepted = patient(submit)
        job_id = str(accepted["id"])
        follower = _Follower(job, package.name, event, listen)
        result = patient(partial(self._follow, job_id, follower))
        patient(partial(self._fetch, job_id, job, options))
        return _segmented(job, options, result, package.name)

    def _follow(self, job_id: str, follower: "_Follower") -> dict[str, Any]:
        """Wait for the result of a job and return it."""
        for event in self._server.events(job_id):
            if event["event"] == "result":
                return event
            if event["event"] == "error":
                raise ServerError(follower.named(str(event["message"])))
            if event["event"] == "deleted":
                raise ServerError("the job was deleted on the server")
            follower.hear(event)
        raise UnreachableError(f"{self._server.url}: ended before the job did")

    def _fetch(self, job_id: str, job: Job, options: SegmentOptions) -> None:
        """Write all requested outputs."""
        home = f"/jobs/{job_id}"
        if options.separate:
            extension = options.extension or MASK_EXTENSION
            self._fetch_masks(f"{home}/masks?format={extension}", job.target)
        for path in [] if options.separate else [job.target, *([job.also] if job.also else [])]:
            extension = find_extension(path, LABEL_EXTENSIONS) or ""
            address = f"{home}/labels?format={extension}&seg_type={options.seg_type}"
            with atomic_path(path) as temporary:
                self._server.download(address, temporary)
        if job.report is not None:
            with atomic_path(job.report) as temporary:
                self._server.download(f"{home}/report", temporary)
        if options.probabilities:
            with atomic_path(probabilities_path(job)) as temporary:
                self._server.download(f"{home}/probabilities", temporary)

    def _fetch_masks(self, address: str, folder: Path) -> None:
        folder = folder.resolve()
        with new_folder(folder) as partial_folder:
            archive = partial_folder / "masks.zip"
            self._server.download(address, archive)
            try:
                with zipfile.ZipFile(archive) as packed:
                    for name in packed.namelist():
                        if Path(name).name != name:
                            raise OutputError(f"{folder}: the server sent a mask named '{name}'")
                        packed.extract(name, partial_folder)
            except zipfile.BadZipFile as error:
                raise OutputError(f"{folder}: the server sent a damaged archive") from error
            archive.unlink()
            put_in_place(partial_folder, folder)


class _Follower:
    """Turns the events of a job on the server into events of the local volume."""

    def __init__(self, job: Job, name: str, event: VolumeEvent, listen: Listener) -> None:
        self._source, self._name = job.source, name
        self._event, self._listen = event, listen
        self._notes: set[str] = set()

    def named(self, text: str) -> str:
        """Replace the volume's name on the server by its local path."""
        return named_here(text, self._name, self._source)

    def hear(self, event: Mapping[str, Any]) -> None:
        """Pass an event on; events and stages unknown to this version are skipped."""
        number, volumes = self._event.number, self._event.volumes
        kind = event["event"]
        if kind == "note":
            note = self.named(str(event["message"]))
            if note not in self._notes:  # else it was said before the connection broke
                self._notes.add(note)
                stage = self._event.stage
                self._listen(VolumeEvent(number, volumes, self._source, stage, note=note))
        elif kind in ("stage", "progress") and event["stage"] in list(Stage):
            self._event = VolumeEvent(
                number,
                volumes,
                self._source,
                Stage(event["stage"]),
                int(event.get("done", 0)),
                int(event.get("total", 0)),
            )
            self._listen(self._event)


def named_here(text: str, name: str, source: Path) -> str:
    """Replace the volume's name in a text of the server by its local path.

    >>> named_here("a.nrrd: is empty", "a.nrrd", Path("scans/a.nrrd")).replace("\\\\", "/")
    'scans/a.nrrd: is empty'
    """
    return f"{source}{text.removeprefix(name)}" if text.startswith(name) else text


def _fields(job: Job, options: SegmentOptions) -> dict[str, str]:
    """Return the options as query fields."""
    wanted = checked_options(
        {
            "quality": options.quality,
            "axes": options.axes,
            "spacing_mm": None if options.spacing_mm is None else tuple(options.spacing_mm),
            "series": options.series,
            "colour": options.colour,
            "only": options.only,
            "cleanup": options.cleanup,
            "probabilities": options.probabilities,
            "report": job.report is not None,
        }
    )
    return wanted.to_query()


def _segmented(
    job: Job, options: SegmentOptions, event: Mapping[str, Any], name: str
) -> SegmentedFile:
    details = {key: event[key] for key in _DETAILS if key in event}
    details["also"] = None if job.also is None else str(job.also)
    return SegmentedFile(
        output=job.target,
        found=int(event["found"]),
        wanted=int(event["wanted"]),
        notice=str(event["notice"]),
        axes=str(event["axes"]),
        verdict=str(event["verdict"]) if event["summary"] else "",
        remark=str(event["summary"]),
        notes=tuple(named_here(str(note), name, job.source) for note in event["notes"]),
        details=details if options.measure else {},
    )
