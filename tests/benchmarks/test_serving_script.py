from pathlib import Path

import pytest

from benchmarks import serving as script


def test_figures_become_a_table() -> None:
    found = script.Load(200, 16, 120.0, 100.0, 4.0, 9.5, 0.61, 0.74, 0, 0)
    lines = script.report(found).splitlines()
    assert lines[0] == "200 volumes, 16 clients at once"
    assert lines[3].split() == ["volumes", "a", "minute", "100.0", "120.0"]
    assert lines[-1].startswith("lost 0, different 0")


@pytest.mark.slow
def test_a_few_volumes_come_back_equal(tmp_path: Path, small_bundle: Path) -> None:
    found = script.measure(tmp_path, 6, 3, small_bundle)
    assert (found.lost, found.different) == (0, 0)
    assert 0 < found.longest_wait_seconds <= found.service_seconds
