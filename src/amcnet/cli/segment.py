"""``amcnet segment``: label the bones in volumes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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
from amcnet.cli.segment_options import (
    AlsoOption,
    BackendChoice,
    BackendOption,
    CleanupOption,
    DaskOption,
    DeviceOption,
    FormatOption,
    InputsArgument,
    ManifestOption,
    MemoryOption,
    OnlyOption,
    OutputOption,
    ProbabilitiesOption,
    ProgressChoice,
    ProgressOption,
    QualityChoice,
    QualityOption,
    SegTypeChoice,
    SegTypeOption,
    SeparateOption,
    ServerOption,
    SkipExistingOption,
    TokenFileOption,
)
from amcnet.cli.segment_reporter import TextReporter
from amcnet.errors import count_text

if TYPE_CHECKING:
    from amcnet.workflows.outcome import Outcome
    from amcnet.workflows.segment.options import Job, SegmentOptions
    from amcnet.workflows.segment.result import SegmentedFile
    from amcnet.workflows.segment.whole_run import Reporter, Runner


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
