"""Run folders, perhaps from somebody else: nothing is written elsewhere, nothing waits."""

import logging
import os
import sys
from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.training.run_folder import LOCK_FILE, LOG_FILE, locked_run_folder, log_to_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.mark.parametrize(
    "name",
    [
        LOG_FILE,
        LOCK_FILE,
        "config.json",
        "checkpoints",
        "checkpoints/last.ckpt",
        "model",
        "tensorboard",
        "prepared/cases",
    ],
)
def test_links_are_refused_and_lead_nowhere(tmp_path: Path, name: str) -> None:
    victim, run = tmp_path / "victim", tmp_path / "run"
    victim.mkdir()
    (victim / "precious").write_text("precious")
    target = victim if "." not in name else victim / "precious"
    (run / name).parent.mkdir(parents=True)
    (run / name).symlink_to(target)
    with pytest.raises(OutputError, match="is a link, expected"), locked_run_folder(run):
        pass
    assert [path.name for path in victim.iterdir()] == ["precious"]
    assert (victim / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", [LOG_FILE, LOCK_FILE, "config.json", "checkpoints/last.ckpt"])
def test_a_named_pipe_does_not_make_a_run_wait(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / name)
    message = "is not a regular file, expected"
    with pytest.raises(OutputError, match=message), locked_run_folder(tmp_path):
        pass


def test_one_run_at_a_time(tmp_path: Path) -> None:
    run = tmp_path / "run"
    message = "another training is using this run folder"
    with (
        locked_run_folder(run),
        pytest.raises(OutputError, match=message),
        locked_run_folder(run),
    ):
        pass
    with locked_run_folder(run):
        pass


def test_the_log_is_one_line_a_record(tmp_path: Path) -> None:
    with log_to_file(tmp_path):
        logging.getLogger("amcnet.training").info("%s", "case\x1b[31m\nANOTHER RECORD")
    (line,) = (tmp_path / LOG_FILE).read_text().splitlines()
    assert line.endswith("INFO case\\x1b[31m ANOTHER RECORD")
