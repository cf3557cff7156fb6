"""``amcnet demo``: the whole workflow on a phantom that the model has never seen."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of the phantom.")] = 900_000,
) -> None:
    """Make a phantom, segment it, measure the bones and evaluate the result."""
    from amcnet.cli.console import progress, stdout
    from amcnet.report.evaluation_table import evaluation_text
    from amcnet.workflows.demo import run_demo

    with progress("demo") as update:
        result = run_demo(out, seed, update)
    console = stdout()
    console.print(result.description)
    for measurement in result.measurements:
        console.print(_line(measurement.name, measurement.present, measurement.length_mm))
    console.print(evaluation_text(result.evaluation))
    console.print(f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    console.print(result.notice)


def _line(name: str, present: bool, length_mm: float | None) -> str:
    found = f"{length_mm:6.1f} mm" if present and length_mm is not None else "absent"
    return f"  {name:<45} {found}"
