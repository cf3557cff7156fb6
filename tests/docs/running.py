"""Runs what a page says, in a folder that holds the files that it names."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

# Options that name what a command writes.
OUTPUT_OPTIONS = {"--also", "-o", "--output", "--out", "--json", "--report", "--boxplots"}
_SECONDS = 600
_ADDRESS = re.compile(r"^http://127\.0\.0\.1:\d+/open/[\w-]{20,}$")
_BROWSER = """import pathlib, sys
pathlib.Path("opened.txt").write_text(sys.argv[1], encoding="utf-8")
"""


NewWorld = Callable[[Iterable[str]], Path]


@dataclass(frozen=True)
class Done:
    """What came of a program."""

    status: int
    stdout: str
    stderr: str

    def check(self, command: str) -> None:
        assert self.status == 0, f"{command}\n{self.stdout[-3000:]}\n{self.stderr[-6000:]}"


def environment(world: Path) -> dict[str, str]:
    """Return one in which `amcnet` and `python` are this installation's, and models the world's.

    The browser is a script that writes to ``opened.txt`` what it should show.
    """
    browser = world / "browser.py"
    browser.write_text(_BROWSER, encoding="utf-8")
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_DATA_HOME": str(world / "home"),
        "BROWSER": f"{sys.executable} {browser} %s",
        "COLUMNS": "200",
        "PYTHONUNBUFFERED": "1",  # the address of a viewer is read while it runs
    }


def run(words: Sequence[str], world: Path) -> Done:
    """Run a program to its end."""
    done = subprocess.run(
        words,
        cwd=world,
        env=environment(world),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def look_and_interrupt(words: Sequence[str], world: Path) -> Done:
    """Run what serves a page until Ctrl-C: fetch its page and its scene, then end it.

    What opens the browser too, ``amcnet view``, is waited for to have done so.
    """
    errors = world / "errors.txt"
    with (
        errors.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(
            words,
            cwd=world,
            env=environment(world),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as running,
    ):
        assert running.stdout is not None
        try:
            address = running.stdout.readline().strip()
            assert _ADDRESS.match(address), f"{address}\n{errors.read_text(encoding='utf-8')}"
            _load_page(address)
            if words[:2] == ["amcnet", "view"]:
                redirect = Path(url2pathname(urlsplit(_opened(world)).path))
                (link,) = re.findall(r"url=(http[^\"]+)", redirect.read_text(encoding="utf-8"))
                _load_page(link)
            running.send_signal(signal.SIGINT)
            rest, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    return Done(running.returncode, f"{address}\n{rest}", errors.read_text(encoding="utf-8"))


def _load_page(link: str) -> None:
    """Open a link as a browser does, which follows it with the cookie to the page."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(link, timeout=60) as answer:
        (path,) = re.findall(r"url=(/[^\"]+)", answer.read().decode())
    page = link.partition("/open/")[0] + path
    for name, expected in (("", b"<!doctype html>"), ("scene.json", b'"volume"')):
        with opener.open(page + name, timeout=60) as answer:
            assert expected in answer.read()


def _opened(world: Path) -> str:
    """Wait for the address that the browser should show, and take it away."""
    path = world / "opened.txt"
    deadline = time.monotonic() + 120
    while not (path.is_file() and path.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    address = path.read_text(encoding="utf-8")
    path.unlink()
    return address


def start(words: Sequence[str], world: Path, name: str) -> subprocess.Popen[bytes]:
    """Start a program that goes on beside the next ones; what it prints goes to ``NAME.log``."""
    with (world / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            words, cwd=world, env=environment(world), stdout=log, stderr=subprocess.STDOUT
        )


def end(running: subprocess.Popen[bytes]) -> None:
    """End it as a person would, and with force where that does not help."""
    running.send_signal(signal.SIGINT)
    try:
        running.wait(30)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for_port(port: int, running: subprocess.Popen[bytes]) -> None:
    """Wait until something answers at a port of this machine."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert running.poll() is None, f"ended with status {running.returncode}"
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"nothing answers at port {port}")


def outputs_of(words: Sequence[str]) -> list[str]:
    """Return the files and folders that a command is told to write."""
    pairs = pairwise(words)
    return [value for option, value in pairs if option in OUTPUT_OPTIONS]


def place(world: Path, folder: Path, without: Iterable[str]) -> None:
    """Copy a world, without the files and folders of these names."""
    shutil.copytree(world, folder, dirs_exist_ok=True)
    for name in without:
        remove(folder / name)


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
