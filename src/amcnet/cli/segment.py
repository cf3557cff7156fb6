"""``amcnet segment``: label the bones in volumes."""

import signal
from collections.abc import Sequence
from contextlib import closing, suppress
from enum import StrEnum
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from amcnet.workflows.segment.finishing import Finisher
    from amcnet.workflows.segment.run import Job, Outcome, SegmentOptions


class BackendChoice(StrEnum):
    """What can run the network."""

    auto = "auto"
    openvino = "openvino"
    torch = "torch"


class SegTypeChoice(StrEnum):
    """How a DICOM segmentation holds its labels."""

    binary = "binary"
    labelmap = "labelmap"


class ProgressChoice(StrEnum):
    """How it is told how far things are."""

    text = "text"
    json = "json"


class QualityChoice(StrEnum):
    """How much work goes into a volume."""

    fast = "fast"
    balanced = "balanced"
    best = "best"


def segment(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Volumes: .nrrd .nhdr .mha .mhd .nii .nii.gz, DICOM (folder, .zip, DICOMDIR, "
            ".dcm), or folders of them; for a model of several channels NAME_0000.EXT, the others "
            "are found beside it"
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="File (.seg.nrrd .nrrd .nii.gz .nii .mha, of DICOM also .dcm), or a folder, which "
            "gets one .seg.nrrd for each input.",
        ),
    ],
    axes: Annotated[
        str,
        typer.Option(
            help="What the file's x, y, z axes mean, for example 'depth,lateral,scan' or "
            "'lateral,depth,-scan' (a minus: runs the other way) [default: by direction cosines]",
            show_default=False,
        ),
    ] = "auto",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of a model bundle or name of an installed model; several times: their "
            "logits are averaged [default: the bundled model].",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        BackendChoice,
        typer.Option(help="What runs the network; auto: PyTorch on an NVIDIA GPU, else OpenVINO."),
    ] = BackendChoice.auto,
    quality: Annotated[
        QualityChoice, typer.Option(help="How much work goes into a volume.")
    ] = QualityChoice.balanced,
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GIB",
            help="Use at most so much memory beyond the volume's own [default: what is free].",
            show_default=False,
        ),
    ] = None,
    cleanup: Annotated[
        bool,
        typer.Option(help="Keep the piece of each structure that fits; islands join what is near."),
    ] = True,
    save_probabilities: Annotated[
        bool,
        typer.Option(
            "--save-probabilities", help="Write NAME.probabilities.npy beside the labels."
        ),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRUCTURES",
            help="Write these only: names, kinds (bones, epiphyses) or groups (thumb), separated "
            "by commas; also several times.",
            show_default=False,
        ),
    ] = None,
    separate: Annotated[
        bool,
        typer.Option("--separate", help="Write a folder with a mask of every structure instead."),
    ] = False,
    extension: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="EXT",
            help="Type of the files in a folder [default: seg.nrrd, of masks nii.gz].",
            show_default=False,
        ),
    ] = None,
    series: Annotated[
        str | None,
        typer.Option(
            metavar="UID-OR-NUMBER",
            help="Which series of a DICOM input that holds several.",
            show_default=False,
        ),
    ] = None,
    seg_type: Annotated[
        SegTypeChoice,
        typer.Option(help="DICOM output: a mask for each structure, or one map of labels."),
    ] = SegTypeChoice.binary,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write a page with verdict, pictures and sizes; for several inputs a folder.",
            show_default=False,
        ),
    ] = None,
    also: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the labels of a single volume to this file too, perhaps of another type.",
            show_default=False,
        ),
    ] = None,
    progress: Annotated[
        ProgressChoice,
        typer.Option(help="json: all that happens as JSON lines on stdout, for programs."),
    ] = ProgressChoice.text,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Spread the volumes over the Dask cluster of this scheduler (tcp://host:8786).",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Segment volumes: every bone gets its own label, on the grid of the input."""
    from amcnet.cli.console import leave_interrupted
    from amcnet.errors import AmcnetError, in_words
    from amcnet.parallel import in_background, wait_for
    from amcnet.workflows.segment.events import JsonLines, segment_in_lines

    outcomes: list[Outcome] = []
    jobs: list[Job] = []
    # Schedulers and containers end a process by this signal: it leaves as little behind as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lines = None
    try:
        lines = JsonLines() if progress is ProgressChoice.json else None
        wait_for(in_background(_import))  # half a second in which Ctrl-C would be a traceback
        from amcnet.errors import ConfigError
        from amcnet.workflows.segment.finishing import Finisher, plan_also, plan_pages
        from amcnet.workflows.segment.plan import plan_files
        from amcnet.workflows.segment.run import SegmentOptions

        if dask is not None:
            for name, given in (("report", report), ("also", also), ("progress json", lines)):
                if given is not None:
                    raise ConfigError(f"--{name}: does not go with --dask, expected one of the two")
        options = SegmentOptions(
            models=tuple(model or ()),
            backend=backend.value,
            quality=quality.value,
            memory_gb=memory,
            axes=axes,
            cleanup=cleanup,
            probabilities=save_probabilities,
            only=tuple(only or ()),
            separate=separate,
            extension=None if extension is None else f".{extension.lower().removeprefix('.')}",
            overwrite=overwrite,
            series=series,
            seg_type=seg_type.value,
        )
        jobs += plan_files(inputs, output, options)
        pages = {} if report is None else plan_pages(jobs, report, overwrite)
        second = None if also is None else plan_also(jobs, also, overwrite)
        how = Finisher(options, pages, second) if dask is None else dask
        if lines is not None and isinstance(how, Finisher):
            segment_in_lines(jobs, options, how, outcomes, lines)
        else:
            _segment_all(jobs, options, how, outcomes)
    except KeyboardInterrupt:
        done = sum(outcome.error is None for outcome in outcomes)
        count = f", {done} of {len(jobs)} volumes were segmented" if jobs else ""
        if lines is not None:
            with suppress(OSError):
                lines.error(f"interrupted{count}", interrupted=True)
        leave_interrupted(f"interrupted{count}")
    except Exception as error:
        if lines is not None:
            is_told = isinstance(error, AmcnetError)
            lines.error(str(error) if is_told else in_words(error, inputs[0]))
        raise
    _summarise(outcomes, silent=lines is not None)


def _import() -> None:
    import amcnet.inference
    import amcnet.workflows.segment.finishing  # noqa: F401


def _segment_all(
    jobs: "Sequence[Job]",
    options: "SegmentOptions",
    how: "str | Finisher",
    outcomes: "list[Outcome]",
) -> None:
    """Segment, tell of every volume when it is done, and add it to the outcomes.

    It is done here and finished as ``how`` says, or on the cluster of that address.
    """
    from amcnet.cli.console import Relay, progress, stdout
    from amcnet.workflows.segment.dask_cluster import segment_files_on_cluster
    from amcnet.workflows.segment.run import segment_files

    show = Relay()
    if isinstance(how, str):
        coming, first = segment_files_on_cluster(how, jobs, options, show), "volumes"
    else:
        coming, first = segment_files(jobs, options, show, how), "reading"
    with closing(coming):
        for _ in jobs:
            with progress(first) as show.update:
                outcome = next(coming)
            outcomes.append(outcome)
            if outcome.error is None:
                found = f"{outcome.found} of {outcome.wanted} structures found"
                stdout().print(f"{outcome.job.target}: {found}, {outcome.seconds:.1f} s")
                if outcome.remark:
                    stdout().print(indent(outcome.remark, "  "))
            else:
                typer.echo(f"amcnet: {outcome.error}", err=True)


def _summarise(outcomes: "Sequence[Outcome]", silent: bool) -> None:
    from amcnet.cli.console import stdout

    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if silent:
        raise typer.Exit(2 if failed else 0)
    if notices := dict.fromkeys(outcome.notice for outcome in outcomes if outcome.notice):
        stdout().print("\n".join(notices))
    if failed:
        if len(outcomes) > 1:
            names = ", ".join(str(outcome.job.source) for outcome in failed)
            count = f"{len(failed)} of {len(outcomes)}"
            typer.echo(f"amcnet: {count} failed: {names}", err=True)
        raise typer.Exit(2)
