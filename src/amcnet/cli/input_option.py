"""``-i`` and ``--input``: the first argument of a command, as an option."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "-i", "--input", metavar="PATH", help="Same as the first argument.", show_default=False
    ),
]
"""Makes the help list the option; :class:`InputCommand` turns its values into arguments."""


class InputCommand(TyperCommand):
    """A command whose first argument can be given with ``-i`` or ``--input``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  Typer's context
        """Parse a command line."""
        if any("-i" in parameter.opts for parameter in self.params):
            args = inputs_first(args)
        return super().parse_args(ctx, args)


def inputs_first(arguments: list[str]) -> list[str]:
    """Return a command line with the values of ``-i`` as its first arguments.

    >>> inputs_first(["-o", "out", "-i", "a.nrrd", "--input=b.nrrd", "c.nrrd"])
    ['a.nrrd', 'b.nrrd', '-o', 'out', 'c.nrrd']
    """
    values: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for one in remaining:
        if one == "--":
            rest += [one, *remaining]
        elif one in ("-i", "--input"):
            value = next(remaining, None)
            (rest if value is None else values).append(one if value is None else value)
        elif one.startswith("--input="):
            values.append(one.removeprefix("--input="))
        elif one.startswith("-i"):  # no other option begins like this
            values.append(one.removeprefix("-i"))
        else:
            rest.append(one)
    return values + rest
