"""``amcnet segment``: label the bones in volumes."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from amcnet.cli.console import tell
from amcnet.cli.input_option import InputOption
from amcnet.cli.options import (
    ColourChoice,
    ColourOption,
    ModelOption,
    OverwriteOption,
    ReportOption,
    SearchedAxesOption,
    SeriesOption,
    SpacingOption,
)
from amcnet.errors import count_text, one_line

if TYPE_CHECKING:
    from amcnet.cli.progress_update import Update
    from amcnet.workflows.outcome import Outcome
    from amcnet.workflows.segment.options import Job, SegmentOptions
    from amcnet.workflows.segment.progress_display import VolumeEvent
    from amcnet.workflows.segment.result import SegmentedFile
    from amcnet.workflows.segment.whole_run import Reporter, Runner


class BackendChoice(StrEnum):
    """Backend that runs the network."""

    auto = "auto"
    openvino = "openvino"
    torch = "torch"


class SegTypeChoice(StrEnum):
    """Type of a DICOM segmentation."""

    binary = "binary"
    labelmap = "labelmap"


class ProgressChoice(StrEnum):
    """Progress output format."""

    text = "text"
    json = "json"


class QualityChoice(StrEnum):
    """Trade-off between speed and accuracy."""

    fast = "fast"
    balanced = "balanced"
    best = "best"


InputsArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Volumes: .nrrd .nhdr .mha .mhd .nii .nii.gz, DICOM (folder, .zip, DICOMDIR, "
        ".dcm), or folders of them; for a model of several channels NAME_0000.EXT, the others "
        "are found next to it",
        show_default=False,
    ),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        help="File (.seg.nrrd .nrrd .nii.gz .nii .mha, for DICOM also .dcm), or a folder, which "
        "gets one file for each input.",
    ),
]
BackendOption = Annotated[
    BackendChoice,
    typer.Option(
        help="Backend that runs the network; auto: PyTorch on an NVIDIA GPU, else OpenVINO."
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(help="Device of the network: auto, cpu, cuda, cuda:N, mps, xpu."),
]
QualityOption = Annotated[QualityChoice, typer.Option(help="Trade-off between speed and accuracy.")]
MemoryOption = Annotated[
    float | None,
    typer.Option(
        metavar="GIB",
        help="Memory limit in addition to the volume itself [default: all free memory].",
        show_default=False,
    ),
]
CleanupOption = Annotated[
    bool,
    typer.Option(help="Keep one connected component of each structure; islands join neighbours."),
]
ProbabilitiesOption = Annotated[
    bool,
    typer.Option("--save-probabilities", help="Write NAME.probabilities.npy next to the labels."),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STRUCTURES",
        help="Write only these: names, kinds (bones, epiphyses) or groups (thumb), separated by "
        "commas; repeatable.",
        show_default=False,
    ),
]
SeparateOption = Annotated[
    bool,
    typer.Option("--separate", help="Write a folder with one mask per structure instead."),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="EXT",
        help="Type of the files in a folder [default: the input's, seg.nrrd for NRRD and DICOM; "
        "for masks nii.gz].",
        show_default=False,
    ),
]
SegTypeOption = Annotated[
    SegTypeChoice,
    typer.Option(help="DICOM output: a mask for each structure, or one map of labels."),
]
AlsoOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write the labels of a single volume to this file, possibly of another type.",
        show_default=False,
    ),
]
ManifestOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="Record output, status, seconds, verdict and hashes of every input during the run.",
        show_default=False,
    ),
]
SkipExistingOption = Annotated[
    bool, typer.Option("--skip-existing", help="Skip volumes whose output exists.")
]
ProgressOption = Annotated[
    ProgressChoice,
    typer.Option(help="Output for people, or JSON lines on stdout for programs."),
]
DaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Spread the volumes over the Dask cluster of this scheduler (tcp://host:8786).",
        show_default=False,
    ),
]
ServerOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Segment on this amcnet serve instead of here.",
        show_default=False,
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File with your token for --server.", show_default=False),
]


def segment(
    output: OutputOption,
    inputs: InputsArgument,
    _input: InputOption = None,
    axes: SearchedAxesOption = "auto",
    spacing: SpacingOption = None,
    model: ModelOption = None,
    backend: BackendOption = BackendChoice.auto,
    device: DeviceOption = "auto",
    quality: QualityOption = QualityChoice.balanced,
    memory: MemoryOption = None,
    cleanup: CleanupOption = True,
    save_probabilities: ProbabilitiesOption = False,
    only: OnlyOption = None,
    separate: SeparateOption = False,
    extension: FormatOption = None,
    series: SeriesOption = None,
    colour: ColourOption = ColourChoice.luma,
    seg_type: SegTypeOption = SegTypeChoice.binary,
    report: ReportOption = None,
    also: AlsoOption = None,
    manifest: ManifestOption = None,
    skip_existing: SkipExistingOption = False,
    progress: ProgressOption = ProgressChoice.text,
    dask: DaskOption = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Segment volumes: every bone gets its own label."""
    with _Run(progress) as run:
        from amcnet.workflows.segment.options import SegmentOptions

        options = SegmentOptions(
            models=tuple(model or ()),
            backend=backend.value,
            device=device,
            quality=quality.value,
            memory_gb=memory,
            axes=axes,
            spacing_mm=spacing,
            cleanup=cleanup,
            probabilities=save_probabilities,
            only=tuple(only or ()),
            separate=separate,
            extension=None if extension is None else f".{extension.lower().removeprefix('.')}",
            overwrite=overwrite,
            skip_existing=skip_existing,
            series=series,
            colour=colour.value,
            seg_type=seg_type.value,
            measure=progress is ProgressChoice.json,
        )
        place = _find_place(options, dask, server, token_file)
        jobs = place.plan(inputs, output, options, also, report)
        run.segment(jobs, options, place, manifest)
    run.finish()


@dataclass(frozen=True)
class _Place:
    """How volumes are segmented: a function that plans, one that runs, and the models."""

    plan: "Callable[..., list[Job]]"
    run: "Runner"
    models: Callable[[], list[dict[str, str]]]


def _find_place(
    options: "SegmentOptions", dask: str | None, server: str | None, token_file: Path | None
) -> _Place:
    from amcnet.errors import ConfigError

    if server is not None:
        if dask is not None:
            raise ConfigError("--server: cannot be combined with --dask, expected only one of them")
        from amcnet.service.client.segment_on_server import SegmentOnServer

        found = SegmentOnServer(server, token_file)
        return _Place(found.plan, found.run, lambda: found.models)
    if token_file is not None:
        raise ConfigError("--token-file: is only used with --server, expected both")
    from amcnet.workflows.segment.manifest import models_of
    from amcnet.workflows.segment.plan import plan_files
    from amcnet.workflows.segment.run import segment_files

    models = partial(models_of, options)
    if dask is None:
        return _Place(plan_files, segment_files, models)
    from amcnet.workflows.segment.dask_cluster import segment_files_on_cluster

    return _Place(plan_files, partial(segment_files_on_cluster, dask), models)


class _Run:
    """A run of the command; the reporter also reports Ctrl-C, signals and errors."""

    def __init__(self, progress: ProgressChoice) -> None:
        self._progress = progress
        self._jobs: Sequence[Job] = ()
        self._outcomes: list[Outcome[SegmentedFile]] = []
        self._reporter: Reporter | None = None

    def __enter__(self) -> "_Run":
        from amcnet.parallel import in_background, wait_for

        self._reporter = _make_reporter(self._progress)
        try:
            wait_for(in_background(_import))  # in the background, so Ctrl-C takes effect
        except KeyboardInterrupt:
            self._leave()
        return self

    def segment(
        self,
        jobs: "Sequence[Job]",
        options: "SegmentOptions",
        place: "_Place",
        manifest: Path | None,
    ) -> None:
        """Segment the volumes."""
        from amcnet.workflows.segment.manifest import Manifest
        from amcnet.workflows.segment.whole_run import run_jobs

        self._jobs = jobs
        if self._reporter is not None:
            record = None if manifest is None else Manifest(manifest, place.models(), jobs)
            run_jobs(jobs, options, self._reporter, self._outcomes, run=place.run, manifest=record)

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        from amcnet.errors import AmcnetError, in_words
        from amcnet.workflows.segment.events import JsonLines

        if isinstance(self._reporter, TextReporter):
            self._reporter.close()
        if isinstance(error, KeyboardInterrupt):
            self._leave()
        elif isinstance(error, Exception) and isinstance(self._reporter, JsonLines):
            known = isinstance(error, AmcnetError)
            self._reporter.error(str(error) if known else in_words(error, Path("amcnet segment")))

    def _leave(self) -> None:
        from amcnet.cli.console import leave_interrupted
        from amcnet.workflows.segment.events import JsonLines

        done = sum(not outcome.failed for outcome in self._outcomes)
        number = len(self._jobs)
        volumes = f"{count_text(number, 'volume')} {'was' if number == 1 else 'were'}"
        count = f", {done} of {volumes} segmented" if self._jobs else ""
        if isinstance(self._reporter, JsonLines):
            with suppress(OSError):
                self._reporter.error(f"interrupted{count}", interrupted=True)
        leave_interrupted(f"interrupted{count}")

    def finish(self) -> None:
        """Report notices and failures, and exit with the status of the run."""
        from amcnet.cli.console import stdout

        results = [outcome.result for outcome in self._outcomes if outcome.result is not None]
        failed = [outcome for outcome in self._outcomes if outcome.failed]
        notices = dict.fromkeys(result.notice for result in results if result.notice)
        if self._progress is ProgressChoice.text:
            if notices:
                stdout().print("\n".join(notices))
            if failed and len(self._outcomes) > 1:
                names = ", ".join(str(outcome.source) for outcome in failed)
                count = f"{len(failed)} of {len(self._outcomes)}"
                tell(f"{count} failed: {names}")
        if failed:
            raise typer.Exit(2)


def _make_reporter(progress: ProgressChoice) -> "Reporter":
    if progress is ProgressChoice.text:
        return TextReporter()
    from amcnet.workflows.segment.events import JsonLines

    return JsonLines()


def _import() -> None:
    import amcnet.workflows.segment.whole_run  # noqa: F401


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
