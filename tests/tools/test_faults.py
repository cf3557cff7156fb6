"""One command under fault injection; ``python -m tools.faults`` interrupts all of them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library")
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_file_of_labels_is_old_or_new_whatever_fails() -> None:
    command = [sys.executable, "-m", "tools.faults", "--only", "labels", "--most", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| labels |" in done.stdout
