"""The progress bar as a terminal shows it."""

import io
import time

import pytest
from rich.cells import cell_len
from rich.console import Console

from amcnet.cli.progress_bar import progress_bar


def shown(width: int, *update: object) -> str:
    """Return the last line that a terminal of a width shows."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    with progress_bar("reading", console) as tell:
        tell(*update)
    frames = frames_of(file)
    assert all(cell_len(frame) <= width for frame in frames)
    return frames[-1]


def frames_of(file: io.StringIO) -> list[str]:
    lines = file.getvalue().replace("\r", "\n").split("\n")
    return [line.removeprefix("\x1b[2K").rstrip() for line in lines if "━" in line]


@pytest.mark.parametrize(
    "name", ["scan.nrrd", "hand_of_a_child_" * 8 + ".nii.gz", "手の超音波" * 20]
)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_stage_and_the_time_left_are_whole(name: str, width: int) -> None:
    line = shown(width, 27, 304, f"{name}: running the network", 52.4)
    assert ": running the network " in line
    assert line.endswith("27/304 about 52 s left")


def test_uncounted_work_shows_no_count() -> None:
    line = shown(80, 0, 0, "scan.nrrd: reading")
    assert "?" not in line
    assert "0/" not in line
    assert line.endswith("0 s so far")


def test_an_estimate_counts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system=None)
    now = time.monotonic()
    with progress_bar("reading", console) as tell:
        tell(1, 2, "scan.nrrd: labelling", 60.0)
        monkeypatch.setattr("amcnet.cli.progress_bar.time.monotonic", lambda: now + 20)
    assert frames_of(file)[-1].endswith("1/2 about 40 s left")
