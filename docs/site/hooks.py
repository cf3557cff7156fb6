"""What mkdocs does with pages: the page of commands is made from their help, and cross-references
of docstrings become plain names."""

import re

import typer
from mkdocs.structure.pages import Page
from typer.core import TyperCommand, TyperGroup

_COMMANDS = "reference/commands.md"
_ROLE = re.compile(r":(?:mod|class|func|meth|data|attr|exc):<code>[~!]?")


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Add the help of every command to the page of commands."""
    if page.file.src_uri != _COMMANDS:
        return markdown
    from amcnet.cli.main import app

    return "\n".join([markdown, *_sections(typer.main.get_command(app), "amcnet")])


def on_page_content(html: str, **_: object) -> str:
    """Turn ``:mod:`x``` into ``x``."""
    return _ROLE.sub("<code>", html)


def _sections(command: TyperCommand | TyperGroup, name: str) -> list[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    level = "#" * max(2, len(name.split()))
    parts = [f"{level} {name}", "```", command.get_help(context).strip(), "```", ""]
    for part, below in getattr(command, "commands", {}).items():
        parts += _sections(below, f"{name} {part}")
    return parts
