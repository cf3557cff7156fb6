"""The commands of every page, run in order as they are written."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .pages import Page, all_pages, words_of
from .running import (
    NewWorld,
    end,
    free_port,
    look_and_interrupt,
    outputs_of,
    remove,
    run,
    start,
    wait_for_port,
)
from .test_own_data import PAGE as OWN_DATA
from .test_own_data import commands as commands_of_own_data

INSTALLS = "installs; what the tests run with is installed already"
SERVES = "runs until it is ended; tests/service runs services and clients"
WINDOWS = "Windows only, and it would install or run everything"
# Commands that no test runs as they are, and why.
NOT_RUN = {
    "make demo": "installs, then runs amcnet demo, as tests/cli/test_demo.py does",
    "make test": "installs, then runs these tests",
    "python -m venv .venv": INSTALLS,
    r".venv\Scripts\python -m pip install torch==2.13.0 -c constraints.txt": WINDOWS,
    r'.venv\Scripts\python -m pip install -c constraints.txt -e ".[dev]"': WINDOWS,
    r".venv\Scripts\amcnet demo --out demo": WINDOWS,
    r".venv\Scripts\python -m pytest": WINDOWS,
    "pip install .": INSTALLS,
    'pip install ".[dicom]"': INSTALLS,
    'pip install ".[train]"': INSTALLS,
    'pip install ".[all]"': INSTALLS,
    "pip install ./amcnet": INSTALLS,
    'pip install "amcnet[dask]"': INSTALLS,
    'pip install "amcnet[dicom,serve]"': INSTALLS,
    "pip install -r src/amcnet/service/client/requirements.txt": INSTALLS,
    "pip install --no-deps amcnet-0.1.0-py3-none-any.whl": INSTALLS,
    "amcnet serve": SERVES,
    "amcnet segment scan.nrrd -o scan.seg.nrrd --server http://127.0.0.1:8042": SERVES,
    "amcnet serve --http 0.0.0.0:8042 --token-file tokens.txt --dicom AMCNET:11112 "
    "--accept ECHO1@10.0.0.7 --forward PACS@10.0.0.2:104": SERVES,
    "amcnet segment scans/ -o results --server https://amcnet.example.org "
    "--token-file my-token.txt": SERVES,
    "amcnet serve --dask tcp://host:8786 --data /shared/amcnet": SERVES,
    "amcnet adapt scans/ -o runs/adapted": "takes half an hour; tests/training/adaptation adapts a "
    "small model",
    "python -m tools.paper_tables_page --from runs/tables-small/results": "needs the results of "
    "hours; tests/benchmarks makes a page of invented ones",
    "python -m tools.fuzz --files 2000": "takes hours; tests/fuzz runs some of its files",
}
# What is replaced in commands: numbers that make them long, and the machine of a cluster.
REPLACED = {
    "--count 56": "--count 1",
    "--count 144": "--count 1",
    "--count 160": "--count 1",
    "paper-tables table1": "paper-tables table1 --scale mine.toml --rows unet",
    "paper-tables table2": "paper-tables table2 --scale mine.toml --rows amcnet",
    "dask scheduler": "dask scheduler --host 127.0.0.1 --port PORT --no-dashboard",
    "tcp://host:8786": "tcp://127.0.0.1:PORT",
}
# What training configurations have instead of their own schedule.
SHORT_TRAINING = "steps = 2\nsteps_per_epoch = 2\nvalidation_windows = 1"
# Commands that a comment asks for, which the next ones need.
FOLLOWED_BY = {"amcnet train prepared/hands --fold 0": "amcnet train prepared/hands --fold 1"}
# These add to what they wrote before. Of other commands the lines of a page are alternatives, so
# what one has written is removed before the next one writes it.
ADDING = {"dataset", "phantom", "prepare", "train"}


def commands_to_run(page: Page) -> list[str]:
    """Return the commands of a page that are run here."""
    elsewhere = commands_of_own_data() if page.name == f"docs/{OWN_DATA.name}" else []
    chosen = [c for c in page.commands if c not in NOT_RUN and c not in elsewhere]
    return [run for c in chosen for run in (c, FOLLOWED_BY.get(c)) if run is not None]


PAGES = [page for page in all_pages() if commands_to_run(page)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.name != "posix", reason="ends what serves a page as POSIX does")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page(page: Page, new_world: NewWorld) -> None:
    port = str(free_port())
    calls = [words_of(_replaced(c).replace("PORT", port)) for c in commands_to_run(page)]
    world = new_world(made_by(calls))
    for config in (world / "configs").glob("*.toml"):
        if config.stem != "paper":
            _shorten(config)
    with ExitStack() as stack:
        for words in calls:
            if words[0] == "dask":
                stack.enter_context(_in_background(words, world, int(port)))
            else:
                _run_one(words, world)


def made_by(calls: list[list[str]]) -> set[str]:
    """Return the files and folders that commands write before any of them reads them."""
    made, read = set[str](), set[str]()
    for words in calls:
        written = outputs_of(words)
        read.update(set(words) - set(written))
        made.update(set(written) - read)
    return made


def _run_one(words: list[str], world: Path) -> None:
    outputs = [world / name for name in outputs_of(words)]
    if words[1] not in ADDING:
        for path in outputs:
            remove(path)
    if words[1] == "view":
        done = look_and_interrupt(words, world)
        done.check(" ".join(words))
        assert done.stdout.endswith("ended\n")
        return
    done = run(words, world)
    done.check(" ".join(words))
    assert done.stdout or words[0] != "amcnet"
    assert [path for path in outputs if not path.exists()] == []
    if words[1] == "prepare" and outputs:
        for config in outputs[0].glob("*.toml"):
            _shorten(config)


@contextmanager
def _in_background(words: list[str], world: Path, port: int) -> Iterator[None]:
    """Run a program of a cluster until the page is done; a scheduler answers from the start."""
    running = start(words, world, words[1])
    try:
        if words[1] == "scheduler":
            wait_for_port(port, running)
        yield
    finally:
        end(running)


def _replaced(command: str) -> str:
    for given, other in REPLACED.items():
        command = command.replace(given, other)
    return command


def _shorten(config: Path) -> None:
    """Let a training take two steps."""
    text = config.read_text(encoding="utf-8")
    assert re.search(r"^steps = ", text, re.MULTILINE)
    text = re.sub(r"^(steps_per_epoch|validation_windows) = .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^steps = .*$", SHORT_TRAINING, text, flags=re.MULTILINE)
    text = text.replace("../src/amcnet/models/hand", "hand")  # the sources are not copied
    config.write_text(text, encoding="utf-8")
