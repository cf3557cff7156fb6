"""What a killed process leaves behind is hidden, and removed by the next one."""

import subprocess
import sys
from pathlib import Path

import pytest

from amcnet.io import atomic_path
from amcnet.io.partial_names import remove_stale

KILLED = """
import os, sys, time
from pathlib import Path
from amcnet.io import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    if len(sys.argv) > 2:
        time.sleep(60)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("name", ["hand.seg.nrrd", 61 * "\N{SKULL}" + ".nii.gz", 255 * "n"])
def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(target)], capture_output=True, text=True
    )
    assert done.returncode == -9
    assert [path.name for path in tmp_path.iterdir()] == [done.stdout.strip()]
    assert done.stdout.startswith(".")
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "a.nrrd"), "wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        remove_stale(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [name]
        process.kill()


def test_files_of_others_stay(tmp_path: Path) -> None:
    for name in (
        ".hidden",
        ".a-partial-x",
        "b-partial-c",
        f".a-partial-{8 * '0'}-99999999-{8 * '0'}",
    ):
        (tmp_path / name).write_text("mine")
    remove_stale(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
