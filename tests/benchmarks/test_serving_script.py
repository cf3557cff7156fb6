import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import serving as script


def test_figures_become_a_table() -> None:
    command = tuple(script.Usage(seconds, 20.0, 2**30) for seconds in (30.0, 60.0, 30.0))
    service = tuple(script.Usage(40.0, 30.0, 2**29) for _ in range(3))
    found = script.Load(200, 16, command, service, 4.0, 9.5, 0, 0)
    lines = script.report(found).splitlines()
    assert lines[0] == "200 volumes in 3 blocks, 16 clients at once"
    assert lines[3].split() == ["volumes", "a", "minute", "100.0", "100.0"]
    assert lines[4].split()[-2:] == ["0.30", "0.45"]
    assert lines[5].split()[-2:] == ["1.00", "0.50"]
    assert lines[6].endswith("0.75")
    assert lines[-1].startswith("lost 0, different 0")
    assert script.read_load(json.loads(json.dumps(asdict(found)))) == found


@pytest.mark.slow
def test_a_few_volumes_come_back_equal(tmp_path: Path, small_bundle: Path) -> None:
    found = script.measure(tmp_path, 6, 3, 2, ["--model", str(small_bundle)])
    assert (found.lost, found.different) == (0, 0)
    assert 0 < found.longest_wait_seconds <= max(usage.seconds for usage in found.service)
    assert all(usage.processor_seconds > 0 for usage in (*found.command, *found.service))
