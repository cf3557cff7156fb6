"""Two commands with one output: one wins, the other says so, nothing is mixed."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.io.file_lock import LOCK_FILE, held_lock
from amcnet.phantom import GRIDS, PhantomConfig, write_dataset

AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent)) or "amcnet"


def at_once(arguments: Sequence[str], count: int = 2) -> list[tuple[int, str]]:
    """Start a command several times at once; return status and stderr of each."""
    command = [AMCNET, *arguments]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    ended = [(process.communicate(timeout=300)[1], process.returncode) for process in processes]
    return [(status, said) for said, status in ended]


def test_a_new_file_has_one_writer(tmp_path: Path) -> None:
    out = tmp_path / "hand.txt"
    ended = sorted(at_once(["labels", "-o", str(out)], 3))
    assert [status for status, _ in ended] == [0, 2, 2]
    for _, said in ended[1:]:
        (line,) = said.splitlines()
        assert line.startswith(f"amcnet: {out}: ")
        assert "already exists" in line or "written by another command meanwhile" in line
    lone = tmp_path / "lone.txt"
    subprocess.run([AMCNET, "labels", "-o", lone], check=True, stdout=subprocess.DEVNULL)
    assert out.read_bytes() == lone.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hand.txt", "lone.txt"]


def test_two_that_may_replace_leave_a_whole_file(tmp_path: Path) -> None:
    out = tmp_path / "hand.txt"
    out.write_text("old")
    assert [status for status, _ in at_once(["labels", "-o", str(out), "--overwrite"])] == [0, 0]
    assert len(out.read_text().splitlines()) > 38
    assert list(tmp_path.iterdir()) == [out]


def test_phantoms_are_made_by_one_command(tmp_path: Path) -> None:
    with held_lock(tmp_path / LOCK_FILE, ""):
        with pytest.raises(OutputError, match="another command is making phantoms there"):
            write_dataset(tmp_path, 1, 0, PhantomConfig(GRIDS["half"]))
        assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]
