"""What the pages of the documentation say that can be run: commands and Python snippets."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("amcnet", "python", "dask", "pip", "make", "mkdir")
_FENCE = re.compile(r"^\s*(?:```|~~~)\s*(\w*)\s*$")
# Where programs lie after `python -m venv .venv` on Windows.
_WINDOWS = ".venv\\Scripts\\"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, empty where none is given, and its lines.

    Lines that end in a backslash are joined with the next.
    """

    language: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands, without what follows a ``#``; none where it shows an output."""
        if self.language:
            return ()
        found = (line.partition(" #")[0].strip() for line in self.lines)
        return tuple(line for line in found if is_command(line))


@dataclass(frozen=True)
class Page:
    """A page and its blocks, in order; the name is its path from the root of the project."""

    name: str
    blocks: tuple[Block, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(command for block in self.blocks for command in block.commands)

    @property
    def snippets(self) -> tuple[str, ...]:
        return tuple(block.text for block in self.blocks if block.language == "python")


def is_command(line: str) -> bool:
    return line.partition(" ")[0] in PROGRAMS or line.startswith(_WINDOWS)


def words_of(command: str) -> list[str]:
    """Split a command as a shell does; a Windows path keeps its backslashes."""
    return shlex.split(command, posix=not command.startswith(_WINDOWS))


def blocks_of(text: str) -> tuple[Block, ...]:
    """Return the fenced blocks of a page.

    Raises:
        ValueError: If the last one does not end.
    """
    blocks: list[Block] = []
    language: str | None = None
    lines: list[str] = []
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if language is None:
            if fence is not None:
                language, lines = fence[1], []
        elif fence is not None:
            blocks.append(Block(language, tuple(lines)))
            language = None
        elif lines and lines[-1].endswith("\\"):
            lines[-1] = f"{lines[-1][:-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
    if language is not None:
        raise ValueError("a fenced block does not end")
    return tuple(blocks)


def all_pages() -> list[Page]:
    """Return the README and the pages of ``docs/``, those without a block too."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        Page(file.relative_to(ROOT).as_posix(), blocks_of(file.read_text(encoding="utf-8")))
        for file in files
    ]
