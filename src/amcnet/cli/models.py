"""``amcnet models``: install, list, score, remove and pack models."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from amcnet.bundle import BundleDescription

app = typer.Typer(
    help="Install, list, score, remove and pack models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def install(
    file: Annotated[Path, typer.Argument(help="A model bundle: its folder, or a .zip of it.")],
    name: Annotated[
        str | None, typer.Option(help="Name to install it under [default: the model's own].")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an installed model of that name.")
    ] = False,
) -> None:
    """Install a model, so that --model accepts its name."""
    from amcnet.bundle import install_model
    from amcnet.cli.console import stdout

    bundle = install_model(file, name, overwrite)
    console = stdout()
    console.print(f"{bundle.folder.name}: installed; use it with --model {bundle.folder.name}")
    console.print(bundle.description.notice)


@app.command("list")
def list_all() -> None:
    """List installed models with their training data and scores."""
    from amcnet.bundle import list_models
    from amcnet.cli.console import stdout

    console = stdout()
    for model in list_models():
        console.print(model.name)
        if model.description is None:
            console.print(f"  unusable       {model.problem}")
        else:
            for name, text in _what_it_is(model.description):
                console.print(f"  {name:14} {text}")
        console.print(f"  folder         {model.folder}")


def _what_it_is(model: "BundleDescription") -> Iterator[tuple[str, object]]:
    """Yield name and text of each line that describes a model."""
    yield "structures", len(model.labels)
    yield "notice", model.notice
    yield "licence", model.licence or "not stated"
    yield "training data", model.provenance.training_data
    yield "trained", f"{model.provenance.all_hours:.1f} hours, {model.provenance.hardware}"
    yield "SHA-256", model.sha256["model.safetensors"]
    for scores in model.scores:
        yield "scores on", f"{scores.data} ({scores.cases})"
        for name, value in scores.figures.items():
            yield "", f"{name:34} {value:.3f}"


@app.command()
def score(
    model: Annotated[str, typer.Argument(help="Folder or installed name of a model.")],
    evaluation: Annotated[
        Path, typer.Argument(help="Output of amcnet evaluate --json, or a folder of such files.")
    ],
    data: Annotated[str, typer.Option(help="Description of the cases, for users to read.")],
) -> None:
    """Record scores in a model; amcnet models list shows them."""
    from amcnet.bundle import record_scores
    from amcnet.cli.console import stdout
    from amcnet.workflows.model_scores import scores_of

    scores = scores_of(evaluation, data)
    record_scores(model, scores)
    stdout().print(f"{model}: scores on {data} ({scores.cases}) written")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of an installed model.")]) -> None:
    """Remove an installed model."""
    from amcnet.bundle import remove_model
    from amcnet.cli.console import stdout

    remove_model(name)
    stdout().print(f"{name}: removed")


@app.command()
def pack(
    model: Annotated[str, typer.Argument(help="Folder or installed name of a model.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .zip to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = (
        False
    ),
) -> None:
    """Pack a model into a .zip for others to install."""
    from amcnet.bundle import pack_bundle
    from amcnet.cli.console import stdout

    pack_bundle(model, output, overwrite)
    stdout().print(f"{output}: install it with amcnet models install")
