import logging
from pathlib import Path

import pytest

from amcnet.errors import InputError
from amcnet.workflows.outcome import Outcome, run_for_file

FILE = Path("scan.nrrd")


def test_a_result_with_its_time() -> None:
    outcome = run_for_file(FILE, lambda: 3)
    assert (outcome.source, outcome.result, outcome.error) == (FILE, 3, None)
    assert not outcome.failed
    assert 0 <= outcome.seconds < 1


def test_an_error_is_one_sentence_that_names_a_file(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> int:
        raise InputError("is no volume")

    outcome: Outcome[int] = run_for_file(FILE, refuse)
    assert outcome.failed
    assert (outcome.result, outcome.error) == (None, "scan.nrrd: is no volume")
    assert not caplog.records


def test_the_sentence_may_name_the_output(caplog: pytest.LogCaptureFixture) -> None:
    def full() -> int:
        raise RuntimeError("labels.nrrd is in the way")

    caplog.set_level(logging.DEBUG)
    outcome: Outcome[int] = run_for_file(FILE, full, Path("labels.nrrd"))
    assert outcome.error == "RuntimeError: labels.nrrd is in the way"
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]
