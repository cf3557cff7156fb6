"""The ``amcnet`` command."""

import sys

import typer

from amcnet.cli import demo, evaluate, phantom, segment, train
from amcnet.errors import AmcnetError

app = typer.Typer(
    name="amcnet",
    help="Hand bones in 3D ultrasound, each by name. Research software, no medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("segment")(segment.segment)
app.command("evaluate")(evaluate.evaluate)
app.command("phantom")(phantom.phantom)
app.command("train")(train.train)
app.command("demo")(demo.demo)


@app.callback()
def _root() -> None:
    """Hand bones in 3D ultrasound, each by name. Research software, no medical device."""


def main() -> None:
    """Run the command line; what the user did wrong is one line on stderr and exit status 2."""
    try:
        app()
    except AmcnetError as error:
        sys.stderr.write(f"amcnet: {error}\n")
        sys.exit(2)
