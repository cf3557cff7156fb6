import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

CHILD = """
import os, sys, time
from pathlib import Path
from amcnet.parent_process import end_with_parent
end_with_parent()
Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
time.sleep(600)
"""


def test_a_child_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(place)]) as parent:
        while not (place.exists() and place.read_text()):
            assert parent.poll() is None
            time.sleep(0.05)
        child = psutil.Process(int(place.read_text()))
        assert child.is_running()
        parent.kill()
        parent.wait()
    child.wait(timeout=30)
    assert not child.is_running()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends signals")
def test_processes_of_a_distributed_training_end_with_the_first(tmp_path: Path) -> None:
    """The processes that Lightning starts for further devices wait for the first one for ever."""
    pytest.importorskip("lightning")
    import numpy as np

    from amcnet.anatomy import LabelTable
    from amcnet.io import Geometry, write_image, write_labels

    rng, table = np.random.default_rng(0), LabelTable.from_names(["left", "right"])
    grid = Geometry.canonical((20, 24, 20), (1.0, 1.5, 1.0))
    for name in ("images", "labels"):
        (tmp_path / "set" / name).mkdir(parents=True)
    for case in range(4):
        labels = np.zeros((20, 24, 20), np.uint8)
        labels[4:16, 3:9, 5:12], labels[4:16, 14:19, 8:15] = 1, 2
        image = labels * 60 + rng.integers(0, 60, labels.shape)
        write_image(tmp_path / "set" / "images" / f"{case}.nrrd", image.astype(np.uint8), grid)
        write_labels(tmp_path / "set" / "labels" / f"{case}.seg.nrrd", labels, grid, table)
    config = tmp_path / "config.toml"
    config.write_text(
        'name = "two"\nprecision = "float32"\n[data]\ndataset = "set"\ndescription = "blocks"\n'
        "[preprocessing]\nspacing_mm = [1.0, 1.5, 1.0]\n[network]\nnum_classes = 3\nwidth = 4\n"
        "[sampling]\nwindow = 8\n[schedule]\nsteps = 5000\ncheckpoint_steps = 1\n"
        '[hardware]\naccelerator = "cpu"\ndevices = 2\n'
    )
    script = tmp_path / "run.py"  # the other processes are started from the same file
    script.write_text("from amcnet.cli.main import main; main()")
    run = tmp_path / "run"
    command = [sys.executable, str(script), "train", str(config), "-o", str(run)]
    with subprocess.Popen(command) as first:
        while not (run / "checkpoints" / "last.ckpt").exists():
            assert first.poll() is None
            time.sleep(0.2)
        others = psutil.Process(first.pid).children(recursive=True)
        assert others
        first.kill()
        first.wait()
    _, alive = psutil.wait_procs(others, timeout=60)
    assert alive == []
