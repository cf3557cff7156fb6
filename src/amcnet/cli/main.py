"""The ``amcnet`` command."""

import io
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from amcnet.cli import (
    adapt,
    check,
    compare_results,
    confusion,
    dataset,
    demo,
    doctor,
    evaluate,
    export,
    labels,
    measure,
    mesh,
    models,
    paper_tables,
    phantom,
    prepare,
    segment,
    serve,
    summarise,
    train,
    view,
)
from amcnet.cli.console import interruptible
from amcnet.cli.examples import EXAMPLES, FIRST, SUMMARIES, epilog
from amcnet.cli.input_option import InputCommand
from amcnet.errors import TRACEBACK_VARIABLE, AmcnetError, OneLineFormatter, one_line
from amcnet.version import __version__


class _Commands(TyperGroup):
    """The group of all commands; Ctrl-C and signals end them with one line."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  Typer has a context type of its own
        """Run the requested command."""
        try:
            with interruptible():
                return super().invoke(ctx)
        except BrokenPipeError:  # Click would exit without a message
            # The reader of the output is gone; flushing at exit would fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _leave("the output was closed before its end")


app = typer.Typer(
    name="amcnet",
    cls=_Commands,
    help="Hand bones in 3D ultrasound, each by name. Research software, not a medical device.",
    no_args_is_help=True,
    epilog=epilog(FIRST),
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "segment": segment.segment,
    "evaluate": evaluate.evaluate,
    "measure": measure.measure,
    "mesh": mesh.mesh,
    "check": check.check,
    "view": view.view,
    "serve": serve.serve,
    "confusion": confusion.confusion,
    "summarise": summarise.summarise,
    "compare-results": compare_results.compare_results,
    "phantom": phantom.phantom,
    "prepare": prepare.prepare,
    "train": train.train,
    "adapt": adapt.adapt,
    "paper-tables": paper_tables.paper_tables,
    "demo": demo.demo,
    "doctor": doctor.doctor,
    "labels": labels.labels,
    "export": export.export,
}
for _name, _function in _COMMANDS.items():
    app.command(
        _name, cls=InputCommand, short_help=SUMMARIES[_name], epilog=epilog(EXAMPLES[_name])
    )(_function)
# The former name of paper-tables.
app.command("benchmark", hidden=True)(paper_tables.benchmark)
app.add_typer(
    dataset.app, name="dataset", short_help=SUMMARIES["dataset"], epilog=epilog(EXAMPLES["dataset"])
)
app.add_typer(
    models.app, name="models", short_help=SUMMARIES["models"], epilog=epilog(EXAMPLES["models"])
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"amcnet {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """Hand bones in 3D ultrasound, each by name. Research software, not a medical device."""


def main() -> None:
    """Run the command line; user errors print one line on stderr and exit with status 2."""
    _open_streams()
    # Notebooks set it, possibly to a backend that is not installed here.
    os.environ["MPLBACKEND"] = "Agg"
    try:
        app()
    except AmcnetError as error:
        _leave(str(error))
    except MemoryError:
        _leave("there is not enough memory for this volume")
    except RecursionError:
        _leave("a file is nested too deeply to be read")
    except OSError as error:
        _leave(f"{error.filename or _unnamed()}: {error.strerror or error}")
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        _leave(_unforeseen(error))


def _unnamed() -> str:
    """Return what an error about a file without a name is about."""
    try:
        Path.cwd()
    except OSError:
        return "the current folder"
    return "a file"


def _unforeseen(error: Exception) -> str:
    """Return one line about a fault of the program itself, including its location."""
    steps = traceback.extract_tb(error.__traceback__)
    ours = [step for step in steps if f"{os.sep}amcnet{os.sep}" in step.filename] or steps
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown location"
    return (
        f"unforeseen {type(error).__name__} at {place}: {error}; this is a fault of amcnet, "
        f"please report it together with the output under {TRACEBACK_VARIABLE}=1"
    )


def _leave(message: str) -> NoReturn:
    with suppress(OSError):
        sys.stderr.write(f"amcnet: {one_line(message)}\n")
    sys.exit(2)


def _open_streams() -> None:
    """Reopen closed standard streams, and encode any text without errors.

    Warnings are one line each, without control characters.
    """
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(OneLineFormatter())
    if sys.stdout is None or sys.stderr is None:
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  until the end
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
