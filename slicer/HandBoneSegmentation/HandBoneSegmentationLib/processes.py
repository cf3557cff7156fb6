"""End a process and all its descendants, using only tools of the system."""

import os
import signal
import subprocess
import time

_STEP_SECONDS = 0.05


def process_tree(pid: int) -> list[int]:
    """Return a process and all its descendants, the youngest first."""
    if os.name == "nt":
        return [pid]
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False
    )
    pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    found = [pid]
    for parent in found:  # the list grows during the loop
        found += [child for child, its_parent in pairs if its_parent == parent]
    return found[::-1]


def ask_to_end(pids: list[int]) -> None:
    """Ask processes to end, so that they can clean up; on Windows, kill them."""
    if os.name == "nt":
        force_to_end(pids)
        return
    _send(pids, signal.SIGTERM)


def force_to_end(pids: list[int]) -> None:
    """Kill processes, on Windows with their descendants."""
    if os.name == "nt":
        for pid in pids:
            subprocess.run(
                ["taskkill", "/PID", str(pid), "/T", "/F"], capture_output=True, check=False
            )
        return
    _send(pids, signal.SIGKILL)


def wait_until_gone(pids: list[int], seconds: float) -> bool:
    """Wait until none of the processes exists; return whether they ended in time."""
    deadline = time.monotonic() + seconds
    while any(map(_is_there, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP_SECONDS)
    return True


def _send(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue


def _is_there(pid: int) -> bool:
    if os.name == "nt":  # on Windows, os.kill would end it
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
