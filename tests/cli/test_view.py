import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.errors import InputError
from amcnet.io import Geometry, write_image


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C as POSIX does")
def test_view_serves_until_ctrl_c(tmp_path: Path) -> None:
    write_image(
        tmp_path / "a.nrrd", np.ones((4, 5, 6), np.uint8), Geometry.canonical((4, 5, 6), (1, 1, 1))
    )
    command = [sys.executable, "-c", "from amcnet.cli.main import main; main()"]
    running = subprocess.Popen(
        [*command, "view", str(tmp_path / "a.nrrd"), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout is not None
    address = running.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", address)
    with urllib.request.urlopen(address + "scene.json", timeout=30) as answer:
        assert b'"volume": "a.nrrd"' in answer.read()
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    assert "ended" in running.stdout.read()


def test_a_missing_volume_is_an_input_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["view", str(tmp_path / "none.nrrd"), "--no-browser"])
    assert isinstance(done.exception, InputError)


def test_help_says_that_nothing_is_segmented() -> None:
    done = CliRunner().invoke(app, ["view", "--help"])
    assert "shown alone, not" in " ".join(done.output.split())
