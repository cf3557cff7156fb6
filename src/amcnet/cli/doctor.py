"""``amcnet doctor``: what is installed, what works, how fast."""

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the findings to this file.")
    ] = None,
    speed: Annotated[
        bool, typer.Option(help="Run the network on a window, which takes seconds.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
) -> None:
    """Say what is installed, whether segmenting will work on this machine, and how fast.

    The exit status is 1 where something keeps 'amcnet segment' from working.
    """
    from amcnet.cli.console import stdout
    from amcnet.workflows.doctor import examine

    if json_file is not None:
        from amcnet.io import check_free

        check_free(json_file, overwrite)
    health = examine(speed)
    width = max(len(finding.name) for finding in health.findings)
    topic = ""
    for finding in health.findings:
        if finding.topic != topic:
            topic = finding.topic
            stdout().print(topic)
        stdout().print(f"  {finding.name:<{width}}  {finding.value}")
    if json_file is not None:
        from amcnet.workflows.evaluate.label_names import write_json

        write_json(json_file, health.to_dict())
    for finding in health.findings:
        if finding.problem:
            typer.echo(f"amcnet: {finding.problem}", err=True)
    if not health.is_well:
        raise typer.Exit(1)
    stdout().print("amcnet segment will work here")
