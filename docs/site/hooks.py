"""Changes that mkdocs makes to pages: help texts on the page of commands, plain names for the
cross-references of docstrings, and the pictures of the Slicer extension, which are kept there."""

import re
from pathlib import Path

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.core import TyperCommand, TyperGroup

_COMMANDS = "reference/commands.md"
_ROLE = re.compile(r":(?:mod|class|func|meth|data|attr|exc):<code>[~!]?")
_SCREENSHOTS = Path(__file__).parents[2] / "slicer" / "Screenshots"
_IN_REPOSITORY, _IN_SITE = "../slicer/Screenshots/", "pictures/slicer/"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pictures of the Slicer extension, which lie outside the documentation's folder."""
    for path in sorted(_SCREENSHOTS.iterdir()):
        files.append(File.generated(config, _IN_SITE + path.name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Add the help of every command to the page of commands."""
    if page.file.src_uri != _COMMANDS:
        return markdown.replace(_IN_REPOSITORY, _IN_SITE)
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
