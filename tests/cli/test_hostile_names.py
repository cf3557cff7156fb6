"""Terminal escapes and line breaks in file names and messages do not reach the terminal."""

import io
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amcnet.cli import console, main
from amcnet.errors import InputError, OneLineFormatter

AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent)) or "amcnet"
NAME = "scan\x1b]0;owned\x07\x1b[31m\n\x9b2J.nrrd"


def assert_harmless(text: str) -> None:
    assert not [
        character for character in text if not character.isprintable() and character != "\n"
    ]


def test_results_errors_progress_and_warnings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console.stdout().print(f"{NAME}: 38 of 38 structures found")
    console.tell(NAME)
    with console.progress("reading") as update:
        update(1, 2, NAME)
    out, err = capsys.readouterr()
    assert_harmless(out)
    assert_harmless(err)
    assert "scan\\x1b]0;owned\\x07" in out
    assert len(err.splitlines()) == 2
    record = logging.LogRecord("amcnet", logging.WARNING, "f", 1, "%s: odd", (NAME,), None)
    assert OneLineFormatter().format(record) == "scan\\x1b]0;owned\\x07\\x1b[31m \\x9b2J.nrrd: odd"


def test_a_terminal_gets_none_either() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    results = console.stdout()
    results.file = terminal
    results.print(f"{NAME}: found")
    assert_harmless(terminal.getvalue())


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_a_command_on_such_a_file(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"NRRD0004\n")
    done = subprocess.run(
        [AMCNET, "measure", NAME],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ,
    )
    assert done.returncode == 2
    assert_harmless(done.stdout)
    assert_harmless(done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_what_nobody_foresaw_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError(f"{NAME}\nmore")

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.delenv("AMCNET_TRACEBACK", raising=False)
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("amcnet: unforeseen ZeroDivisionError at main.py:")
    assert "AMCNET_TRACEBACK=1" in line
    assert_harmless(line)
    monkeypatch.setenv("AMCNET_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main.main()
    monkeypatch.setattr(main, "app", lambda: (_ for _ in ()).throw(InputError(NAME)))
    with pytest.raises(SystemExit):
        main.main()
    assert_harmless(capsys.readouterr().err)
