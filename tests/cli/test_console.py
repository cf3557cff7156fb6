import sys

import pytest

from amcnet.cli import console


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    return now


def test_lines_tell_the_time_left_at_each_fifth(clock, capsys):
    with console.progress("phantoms") as update:
        for done in range(104):
            update(done, 103)
            clock[0] += 10
    assert capsys.readouterr().err.splitlines() == [
        "phantoms: 0 of 103",
        "phantoms: 21 of 103, about 14 min left",
        "phantoms: 42 of 103, about 10 min left",
        "phantoms: 62 of 103, about 7 min left",
        "phantoms: 83 of 103, about 3 min left",
        "phantoms: 103 of 103",
    ]


def test_only_what_was_done_meanwhile_counts(clock, capsys):
    with console.progress("cases") as update:
        update(80, 100)  # there before
        clock[0] += 3600
        update(90, 100)
        update(0, 2, "something else")
        clock[0] += 20_000
        update(1, 2, "something else")
    assert capsys.readouterr().err.splitlines() == [
        "cases: 80 of 100",
        "something else: 0 of 2",
        "something else: 1 of 2, about 5 h 33 min left",
    ]


def test_quick_work_has_no_estimate(clock, capsys):
    with console.progress("slices") as update:
        update(0, 10)
        update(5, 10)
    assert capsys.readouterr().err == "slices: 0 of 10\nslices: 5 of 10\n"
