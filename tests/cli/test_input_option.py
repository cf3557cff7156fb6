"""``-i`` stands for the first argument of every command that reads files."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.io import Geometry, write_labels

READING = ["segment", "measure", "mesh", "check", "view", "evaluate", "confusion", "summarise"]
READING += ["compare-results", "prepare"]
OTHERS = ["phantom", "demo", "doctor", "labels", "serve"]


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="amcnet")


@pytest.mark.parametrize("command", [*READING, "dataset add"])
def test_every_command_that_reads_files_has_it(command: str, tmp_path: Path) -> None:
    text = run(*command.split(), "--help").stdout
    assert re.search(r"-i, --input PATH +Same as the first argument", text)
    needed = {"segment": ("-o", "x"), "mesh": ("-o", "x"), "dataset add": ("--to", "x")}
    done = run(*command.split(), *needed.get(command, ()))
    assert done.exit_code == 2
    assert "Missing argument" in done.stderr or "Missing option" in done.stderr


@pytest.mark.parametrize("command", OTHERS)
def test_others_have_not(command: str) -> None:
    done = run(command, "-i", "x")
    assert done.exit_code == 2
    assert "No such option" in done.stderr


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    labels = np.zeros((40, 24, 24), np.uint8)
    labels[2:22, 4:20, 8:16] = 1
    path = tmp_path / "hand.seg.nrrd"
    write_labels(
        path, labels, Geometry.canonical(labels.shape, (0.5, 0.4, 0.2)), hand_label_table()
    )
    return path


@pytest.mark.parametrize("form", [("-i", "{}"), ("--input", "{}"), ("--input={}",), ("-i{}",)])
@pytest.mark.parametrize("command", ["measure", "check"])
def test_both_forms_do_the_same(command: str, form: tuple[str, ...], hand: Path) -> None:
    given = [part.format(hand) for part in form]
    assert run(command, *given).stdout == run(command, hand).stdout != ""


def test_it_comes_before_the_other_arguments(hand: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.seg.nrrd"
    done = run("evaluate", absent, "-i", hand)  # the reference is the first argument
    assert str(done.exception).startswith(f"{absent}: no such file")
    assert run("evaluate", hand, "-i", hand).exit_code == 0
