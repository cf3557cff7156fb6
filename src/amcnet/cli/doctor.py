"""``amcnet doctor``: check the installation and the speed of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.console import tell

_NAME_WIDTH = 15  # length of the longest name, except those of installed models


def doctor(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the findings to this file.")
    ] = None,
    speed: Annotated[
        bool, typer.Option(help="Time the network on a window, which takes seconds.")
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Check that 'amcnet segment' will work on this machine, and how fast.

    Each line appears as soon as it is known. The exit status is 1 if 'amcnet segment' cannot work.
    """
    from amcnet.cli.console import stdout
    from amcnet.errors import one_line
    from amcnet.text_layout import WIDTH, wrapped
    from amcnet.workflows.doctor import Diagnosis, Health, examine_in_turn

    if json_file is not None:
        from amcnet.io import check_free

        check_free(json_file, overwrite)
    findings: list[Diagnosis] = []
    console = stdout()
    with console.status("checking") as status:  # only shown in a terminal

        def starting(what: str) -> None:
            status.update(f"checking {what}")

        for finding in examine_in_turn(speed, starting):
            if not findings or finding.topic != findings[-1].topic:
                console.print(finding.topic)
            line = one_line(f"  {finding.name:<{_NAME_WIDTH}}  {finding.value}")
            console.print("\n".join(wrapped(line, WIDTH, _NAME_WIDTH + 4)))
            console.file.flush()
            findings.append(finding)
    health = Health(tuple(findings))
    if json_file is not None:
        from amcnet.workflows.output_files import write_json

        write_json(json_file, health.to_dict())
    for finding in health.findings:
        if finding.problem:
            tell(finding.problem)
    if not health.is_well:
        raise typer.Exit(1)
    console.print("amcnet segment will work here")
