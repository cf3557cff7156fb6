import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.errors import InputError
from amcnet.io import Geometry, write_image

MAIN = "from amcnet.cli.main import main; main()"


def read_scene_data(link: str) -> bytes:
    """Open a link as a browser does, follow it to the page and return what the page loads."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    entrance = opener.open(link, timeout=30).read().decode()
    path = re.search(r"url=(/[\w-]{20,}/)", entrance)[1]
    return opener.open(link.partition("/open/")[0] + path + "scene.json", timeout=30).read()


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C as POSIX does")
def test_view_serves_until_ctrl_c(tmp_path: Path) -> None:
    write_image(
        tmp_path / "a.nrrd", np.ones((4, 5, 6), np.uint8), Geometry.canonical((4, 5, 6), (1, 1, 1))
    )
    arguments = ["view", str(tmp_path / "a.nrrd"), "--spacing", "2,1.5,0.5"]
    running = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments, "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout is not None
    link = running.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/open/[\w-]{20,}", link)
    data = json.loads(read_scene_data(link))
    assert data["volume"] == "a.nrrd"
    assert data["full_spacing_mm"] == [2, 1.5, 0.5]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        read_scene_data(link)  # it works once
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    assert "ended" in running.stdout.read()


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C as POSIX does")
def test_ctrl_c_while_the_browser_is_opened(tmp_path: Path) -> None:
    """A browser in a terminal keeps the command until it is closed."""
    write_image(
        tmp_path / "a.nrrd", np.ones((4, 5, 6), np.uint8), Geometry.canonical((4, 5, 6), (1, 1, 1))
    )
    browser = tmp_path / "browser.py"
    browser.write_text("import sys, time; print('opened', flush=True); time.sleep(5)")
    running = subprocess.Popen(
        [sys.executable, "-c", MAIN, "view", str(tmp_path / "a.nrrd")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "BROWSER": f"{sys.executable} {browser} %s"},
    )
    assert running.stdout is not None
    assert "opened" in [running.stdout.readline().strip() for _ in range(3)]
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    assert running.stdout.readline() == "ended\n"


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_the_viewer_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    write_image(
        tmp_path / "a.nrrd", np.ones((4, 5, 6), np.uint8), Geometry.canonical((4, 5, 6), (1, 1, 1))
    )
    parent = tmp_path / "parent.py"
    command = [sys.executable, "-c", MAIN, "view", str(tmp_path / "a.nrrd"), "--no-browser"]
    parent.write_text(f"import subprocess; subprocess.run({command!r})")
    running = subprocess.Popen(
        [sys.executable, parent],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout is not None
    link = running.stdout.readline().strip()
    assert link.startswith("http://")
    (viewer,) = psutil.Process(running.pid).children()
    running.kill()
    running.wait()
    assert psutil.wait_procs([viewer], timeout=10)[0] == [viewer]


def test_a_missing_volume_is_an_input_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["view", str(tmp_path / "none.nrrd"), "--no-browser"])
    assert isinstance(done.exception, InputError)


def test_help_says_that_nothing_is_segmented() -> None:
    done = CliRunner().invoke(app, ["view", "--help"])
    assert "it is not segmented" in " ".join(done.output.split())
