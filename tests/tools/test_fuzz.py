"""Some damaged files of every format for every command; ``tools/fuzz.py`` runs thousands."""

import sys

import pytest

from tools import fuzz


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return fuzz.make_targets(tmp_path_factory.mktemp("intact"))


def report(tally):
    return "\n".join(str(fault) for fault in tally.faults)


def test_intact_files_are_read(targets, tmp_path):
    """Else what is refused would say nothing."""
    child = fuzz.Child()
    try:
        for target in targets:
            if target.command[0] == "segment":
                continue  # seconds each; the next test shows that some are segmented
            output = tmp_path / str(target.number)
            output.mkdir()
            arguments = [part.format(target.folder, output) for part in target.command]
            answer = child.ask(arguments)
            assert fuzz.verdict(answer, "nothing") == "read", (target, answer)
    finally:
        child.end()


def test_damaged_files_are_refused_in_one_line(targets):
    quick = [target for target in targets if target.command[0] != "segment"]
    tally = fuzz.run(quick, range(2 * len(quick)), fuzz.Tally(), every=60)
    assert not tally.faults, report(tally)
    outcomes = fuzz.summary(tally, 0, 0)["outcomes"]
    assert outcomes["refused"] > outcomes["read"] > 0
    assert tally.processes > 0


@pytest.mark.slow
def test_damaged_images_are_not_segmented(targets):
    images = [target for target in targets if target.command[0] == "segment"]
    tally = fuzz.run(images, range(len(images)), fuzz.Tally(), every=0)
    assert not tally.faults, report(tally)
    assert fuzz.summary(tally, 0, 0)["outcomes"]["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import os; os.abort()", "crash (-6)"),
        ("import time; time.sleep(60)", "hang"),
        ("raise KeyError(3)", "traceback"),
        ("print('amcnet: a\\namcnet: b', file=__import__('sys').stderr); exit(2)", "not one line"),
        ("x = bytearray(500 << 20); exit(2)", "memory"),
    ],
)
def test_faults_are_found(tmp_path, monkeypatch, program, expected):
    """A worker whose `amcnet` does what it must not do."""
    if sys.platform != "linux" and expected in ("memory", "crash (-6)"):
        pytest.skip("only Linux tells")
    worker = tmp_path / "worker.py"
    head = "import amcnet.cli.main\ndef broken():\n    " + program + "\n"
    head += "amcnet.cli.main.main = broken\n"
    worker.write_text(head + fuzz.WORKER.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(fuzz, "WORKER", worker)
    monkeypatch.setattr(fuzz, "SECONDS", 2.0)
    child = fuzz.Child()
    try:
        assert fuzz.verdict(child.ask(["measure"]), "bits") == expected
    finally:
        child.end()
