import _thread
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from amcnet.errors import ConfigError, OutputError
from amcnet.parallel import in_background, map_in_processes, wait_for, worker_count


def square(number: int) -> int:
    time.sleep(0.02 * (3 - number % 3))  # the first ones end last
    return number**2


def fail_at_two(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def end_the_process(number: int) -> int:
    os._exit(number)


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_are_in_order_and_progress_counts_up(jobs):
    seen = []
    results = map_in_processes(square, range(7), jobs, lambda *state: seen.append(state))
    assert results == [0, 1, 4, 9, 16, 25, 36]
    assert seen == [(done, 7) for done in range(8)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_errors_come_through(jobs):
    with pytest.raises(ValueError, match="two"):
        map_in_processes(fail_at_two, range(5), jobs)


def test_process_that_ends_is_told():
    with pytest.raises(OutputError, match="a process ended unexpectedly"):
        map_in_processes(end_the_process, [3, 3], 2)


def test_no_more_workers_than_items_and_at_least_one():
    assert [worker_count(8, items) for items in (0, 1, 3, 100)] == [1, 1, 3, 8]
    assert worker_count(1000, 1000) == 61
    with pytest.raises(ConfigError, match="found 0, expected at least 1"):
        worker_count(0, 3)


def test_background_work_returns_and_raises():
    assert wait_for(in_background(lambda: square(3))) == 9
    with pytest.raises(ValueError, match="two"):
        wait_for(in_background(lambda: fail_at_two(2)))


def test_interrupt_ends_the_waiting_but_not_the_work():
    go_on = threading.Event()
    future = in_background(go_on.wait)
    threading.Timer(0.2, _thread.interrupt_main).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait_for(future)
    assert 0.1 < time.monotonic() - began < 1
    assert not future.done()
    go_on.set()
    assert wait_for(future)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("sent", ["SIGKILL", "SIGTERM"])
def test_workers_end_with_their_parent(tmp_path: Path, sent: str) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from functools import partial\n"
        "from pathlib import Path\n"
        "from amcnet.parallel import map_in_processes\n"
        "def work(n):\n"
        "    import os\n"
        "    Path(sys.argv[1], str(n)).write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    map_in_processes(work, [1, 2], 2)\n"
    )
    pids = tmp_path / "pids"
    pids.mkdir()
    with subprocess.Popen([sys.executable, script, pids]) as parent:
        deadline = time.monotonic() + 60
        while len(list(pids.iterdir())) < 2:
            assert time.monotonic() < deadline
            assert parent.poll() is None
            time.sleep(0.05)
        time.sleep(0.2)
        children = [psutil.Process(int(path.read_text())) for path in pids.iterdir()]
        parent.send_signal(getattr(signal, sent))
        assert parent.wait(timeout=20) != 0
        _gone, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
