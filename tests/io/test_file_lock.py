import subprocess
import sys
from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.io.file_lock import held_lock

BUSY = "the folder is in use"
HOLDER = """
import sys, time
from pathlib import Path
from amcnet.io.file_lock import held_lock
with held_lock(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="the folder is in use"), held_lock(path, BUSY):
            pass
        holder.kill()
        holder.wait()
    with held_lock(path, BUSY, wait_seconds=5):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_lock_that_is_a_link_changes_nothing_elsewhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "a.lock").symlink_to(victim)
    (tmp_path / "b.lock").symlink_to(tmp_path / "absent")
    for name in ("a.lock", "b.lock"):
        with (
            pytest.raises(OutputError, match="is not a regular file"),
            held_lock(tmp_path / name, "x"),
        ):
            pass
    assert victim.read_text() == "precious"
    assert not (tmp_path / "absent").exists()
