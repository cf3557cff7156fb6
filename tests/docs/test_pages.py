"""The commands of the documentation are calls that the program takes, and each is run by a test."""

import ast
import re
from pathlib import Path

import pytest
import typer

from amcnet.cli.main import app

from .pages import ROOT, Page, all_pages, blocks_of, is_command, words_of
from .test_commands import FOLLOWED_BY, NOT_RUN, REPLACED, commands_to_run
from .test_own_data import commands as commands_of_own_data
from .test_snippets import PREAMBLES, UNTIL_CTRL_C, WRITTEN, snippets_to_run

PAGES = all_pages()
COMMAND = typer.main.get_command(app)
# Blocks without a language that show what a command prints, by their first line.
OUTPUTS = {
    '{"protocol": 1, "event": "start", "version": "0.1.0", "pid": 4711}',
    "200 volumes in 4 blocks, 16 clients at once",
    "kill 1, aimed at receiving: receiving 1, queued 0, computing 0, forwarding 0",
    "bad: 37 of 38 structures present",
    "hand.seg.nrrd: 38 of 38 structures found, 12.1 s",
    "look: low confidence: epiphysis of distal phalanx of index finger (predicted Dice 0.41), "
    "epiphysis of distal phalanx of little finger (predicted Dice 0.46)",
}
ALL = sorted({command for page in PAGES for command in page.commands})


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("amcnet ")])
def test_commands_are_taken(command: str) -> None:
    _, name, *arguments = words_of(command)
    taken = COMMAND.commands[name]
    if name in {"models", "dataset"}:
        name, *arguments = arguments
        taken = taken.commands[name]
    with taken.make_context(name, arguments) as context:  # raises where an option is unknown
        assert context.args == []


@pytest.mark.parametrize("command", [c for c in ALL if c.startswith("python ") and ".py" in c])
def test_scripts_are_there(command: str) -> None:
    script = ROOT / words_of(command)[1]
    options = [word for word in words_of(command)[2:] if word.startswith("--")]
    assert all(f'"{option}"' in script.read_text(encoding="utf-8") for option in options)


def test_every_command_is_run_or_has_a_reason() -> None:
    run = {command for page in PAGES for command in commands_to_run(page)}
    assert set(ALL) - run - set(commands_of_own_data()) == set(NOT_RUN)
    assert set(FOLLOWED_BY) < set(ALL)
    assert all(any(given in command for command in run) for given in REPLACED)
    assert {command.split()[0] for command in run} <= {"amcnet", "dask", "mkdir"}, run


@pytest.mark.parametrize("page", [p for p in PAGES if p.blocks], ids=lambda page: page.name)
def test_blocks_hold_commands_or_python_or_a_known_output(page: Page) -> None:
    for block in page.blocks:
        assert block.language in ("", "python")
        if block.language == "python":
            ast.parse(block.text)
        elif block.lines[0] not in OUTPUTS:
            assert [line for line in block.lines if not is_command(line)] == []


def test_every_snippet_is_run() -> None:
    run = {key for page in PAGES for key in snippets_to_run(page)}
    assert len(run) == sum(len(page.snippets) for page in PAGES)
    assert set(PREAMBLES) | set(WRITTEN) | UNTIL_CTRL_C <= run


PAGE = r"""Text with `amcnet none`.

```
amcnet segment a \
    b -o "c d"   # both
.venv\Scripts\python -m pytest
```

```python
x = 1  # stays
```

```
38 of 38
```
"""


def test_what_is_read_from_a_page() -> None:
    page = Page("a.md", blocks_of(PAGE))
    assert page.commands == ('amcnet segment a b -o "c d"', r".venv\Scripts\python -m pytest")
    assert words_of(page.commands[0]) == ["amcnet", "segment", "a", "b", "-o", "c d"]
    assert page.snippets == ("x = 1  # stays\n",)
    with pytest.raises(ValueError, match="does not end"):
        blocks_of("```\namcnet")


def test_pictures_are_shown_and_committed_once() -> None:
    linked: set[Path] = set()
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "slicer" / "README.md"]:
        targets = re.findall(r"!\[[^]]*\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        linked |= {(page.parent / target).resolve() for target in targets}
    assert [path for path in linked if not path.is_file()] == []
    folders = (ROOT / "docs" / "pictures", ROOT / "slicer" / "Screenshots")
    pictures = [path.resolve() for folder in folders for path in folder.iterdir()]
    contents = [path.read_bytes() for path in pictures]
    assert len(set(contents)) == len(contents)
