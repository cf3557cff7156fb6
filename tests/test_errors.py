import logging
from pathlib import Path

import pytest

from amcnet.errors import InputError, in_words

FILE = Path("some") / "scan.nrrd"


def test_the_sentence_names_a_file_once(caplog: pytest.LogCaptureFixture) -> None:
    assert in_words(InputError("scan.nrrd: is empty"), FILE) == "scan.nrrd: is empty"
    assert in_words(InputError("is empty"), FILE) == f"{FILE}: is empty"
    assert in_words(MemoryError(), FILE) == f"{FILE}: there is not enough memory for it"
    assert in_words(OSError(28, "No space left"), FILE) == f"{FILE}: No space left"
    out = Path("out.nrrd")
    assert in_words(InputError("out.nrrd: exists"), FILE, out) == "out.nrrd: exists"
    assert not caplog.records


def test_what_nobody_foresaw_is_logged_where_that_is_asked_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AMCNET_TRACEBACK", raising=False)
    with caplog.at_level(logging.WARNING):
        in_words(RuntimeError("a\nlong\nstory "), FILE)
    assert not caplog.records
    monkeypatch.setenv("AMCNET_TRACEBACK", "1")
    with caplog.at_level(logging.WARNING):
        text = in_words(RuntimeError("a\nlong\nstory "), FILE)
    assert text == f"{FILE}: RuntimeError: story"
    assert "not foreseen" in caplog.text
    assert "RuntimeError: a" in caplog.text


def test_control_characters_and_line_ends_do_not_reach_the_terminal() -> None:
    error = InputError("a\x1b[31m\x1c\x85b: first\nsecond\r\nthird \u3000\xe9\udcff")
    text = "a\\x1b[31m\\x1c\\x85b: first second third \u3000\xe9\\udcff"
    assert str(error) == text
    assert str(error).splitlines() == [text]
    assert len(str(InputError("x" * 1_000_000))) < 5000
