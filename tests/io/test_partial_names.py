"""What a killed process leaves behind is hidden, and removed by the next one."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from amcnet.io import atomic_path
from amcnet.io.atomic_folders import new_folder, put_in_place, recover_folders
from amcnet.io.partial_names import partial_path, remove_stale

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


def test_a_folder_that_was_about_to_be_replaced_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "model.of.mine"
    target.mkdir()
    (target / "old").write_text("old")
    code = f"""
import os
from pathlib import Path
from amcnet.io.atomic_folders import new_folder, put_in_place
target = Path({str(target)!r})
with new_folder(target) as folder:
    (folder / "new").write_text("new")
    rename = Path.rename
    def die(self, to):
        os.kill(os.getpid(), 9) if self == folder else rename(self, to)
    Path.rename = die
    put_in_place(folder, target)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert not target.exists()
    recover_folders(tmp_path)
    assert [path.name for path in target.iterdir()] == ["old"]
    with new_folder(target) as folder:
        (folder / "new").write_text("new")
        put_in_place(folder, target)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert [path.name for path in target.iterdir()] == ["new"]


def test_a_replaced_folder_that_could_not_be_removed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    former = partial_path(tmp_path / "a", "former", keep_extensions=False)
    parts = former.name.rsplit("-", 2)
    former = former.with_name(f"{parts[0]}-{gone.pid}-{parts[2]}")
    former.mkdir()
    time.sleep(0.01)
    recover_folders(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
