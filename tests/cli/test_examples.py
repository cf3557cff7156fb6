"""The examples in the help texts are calls that the commands take; completion works."""

import os
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from amcnet.cli.examples import EXAMPLES, FIRST, SUMMARIES
from amcnet.cli.main import app

COMMAND = typer.main.get_command(app)
ALL = sorted({example for examples in EXAMPLES.values() for example in examples} | set(FIRST))


def test_every_command_has_examples_in_its_help() -> None:
    shown = {name for name, command in COMMAND.commands.items() if not command.hidden}
    assert set(EXAMPLES) == shown
    for name, examples in EXAMPLES.items():
        done = CliRunner().invoke(app, [name, "--help"])
        assert done.exit_code == 0
        for example in examples:
            assert f"\n    {example}\n" in done.output
            assert example.split()[:2] == ["amcnet", name]


@pytest.mark.parametrize("example", [e for e in ALL if not e.endswith(("--help", "-completion"))])
def test_examples_are_taken(example: str) -> None:
    _, name, *arguments = shlex.split(example)
    command = COMMAND.commands[name]
    if name in {"models", "dataset"}:
        name, *arguments = arguments
        command = command.commands[name]
    with command.make_context(name, arguments) as context:  # raises where an option is unknown
        assert context.args == []


def test_completion_of_commands_and_options() -> None:
    program = "from amcnet.cli.main import app; app(prog_name='amcnet')"
    for typed, expected in (("amcnet mea", "measure"), ("amcnet mesh --smo", "--smooth")):
        environment = os.environ | {
            "_AMCNET_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - 1),
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.stdout.split() == [expected], done.stderr


def test_summaries_fit_a_line_of_80_columns() -> None:
    lines = CliRunner().invoke(app, ["--help"], terminal_width=80).output.splitlines()
    for name, summary in SUMMARIES.items():
        assert any(line.split() == [name, *summary.split()] for line in lines), summary
    assert set(SUMMARIES) == set(EXAMPLES)
