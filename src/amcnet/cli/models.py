"""``amcnet models``: install, list, remove and pack models."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Install, list, remove and pack models.", no_args_is_help=True, rich_markup_mode=None
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
    """Install a model, so that --model takes its name."""
    from amcnet.bundle import install_model
    from amcnet.cli.console import stdout

    bundle = install_model(file, name, overwrite)
    console = stdout()
    console.print(f"{bundle.folder.name}: installed; use it with --model {bundle.folder.name}")
    console.print(bundle.description.notice)


@app.command("list")
def list_all() -> None:
    """List the models that have a name."""
    from amcnet.bundle import list_models
    from amcnet.cli.console import stdout

    console = stdout()
    for model in list_models():
        console.print(model.name)
        if model.description is None:
            console.print(f"  unusable       {model.problem}")
        else:
            console.print(f"  structures     {len(model.description.labels)}")
            console.print(f"  notice         {model.description.notice}")
            console.print(f"  training data  {model.description.provenance.training_data}")
        console.print(f"  folder         {model.folder}")


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
    """Pack a model into a .zip that others can install."""
    from amcnet.bundle import pack_bundle
    from amcnet.cli.console import stdout

    pack_bundle(model, output, overwrite)
    stdout().print(f"{output}: install it with amcnet models install")
