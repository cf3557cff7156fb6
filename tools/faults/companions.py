"""What runs beside an interrupted command: a client of a service, a service, a browser."""

import http.client
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

from tools.faults.surroundings import Beside

_PATIENCE_SECONDS = 60.0
_STEP_SECONDS = 0.02
_ACCEPTED = "accepted.txt"
_FIELDS = "name=scan.nrrd&report=false&axes=scan,lateral,depth"
_NO_ANSWER = (OSError, http.client.HTTPException, ValueError, KeyError)
_REFRESH = re.compile(r"url=([^\"]+)")


def hand_in_and_stop(beside: Beside) -> None:
    """Hand a volume in, collect the labels when all accepted jobs are done, and end the service.

    What the service accepted in an earlier run, before it was killed, has to be done as well. A job
    that failed has been reported to its client, so nobody waits for it any more.
    """
    try:
        if _wait_until(beside, lambda: answers(beside.port)):
            _hand_in(beside)
    except _NO_ANSWER:  # the service has ended
        pass
    _send(beside.process, signal.SIGTERM)


def _hand_in(beside: Beside) -> None:
    accepted = beside.out / _ACCEPTED
    jobs = accepted.read_text(encoding="utf-8").split() if accepted.exists() else []
    content = (beside.inputs / "scan.nrrd").read_bytes()
    status, answer = _request(beside.port, "POST", f"/jobs?{_FIELDS}", content)
    if status == http.client.CREATED:
        jobs.append(json.loads(answer)["id"])
    accepted.write_text("\n".join(jobs), encoding="utf-8")
    states: dict[str, str] = {}

    def ended() -> bool:
        for job in jobs:
            states[job] = json.loads(_request(beside.port, "GET", f"/jobs/{job}")[1])["state"]
        return all(state in ("done", "failed") for state in states.values())

    _wait_until(beside, ended)
    waiting = [job for job in jobs if states.get(job) != "failed"]
    accepted.write_text("\n".join(waiting), encoding="utf-8")
    if waiting and all(states.get(job) == "done" for job in waiting):
        path = f"/jobs/{waiting[-1]}/labels?format=.nrrd"
        status, answer = _request(beside.port, "GET", path)
        if status == http.client.OK:
            (beside.out / "labels.nrrd").write_bytes(answer)


def serve_until_it_ends(beside: Beside) -> None:
    """Be the service of a client until the client has ended."""
    from amcnet.cli.main import main

    watched = os.fork()
    if watched == 0:
        address = f"127.0.0.1:{beside.port}"
        data = beside.said.parent / "service"
        words = ["serve", "--model", f"{beside.inputs}/model", "--data", str(data)]
        sys.argv = ["amcnet", *words, "--http", address, "--reserve", "0"]
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            main()
        finally:
            os._exit(0)
    while _is_alive(beside.process):
        time.sleep(_STEP_SECONDS)
    _send(watched, signal.SIGKILL)
    os.waitpid(watched, 0)


def look_and_stop(beside: Beside) -> None:
    """Open the page of a viewer as a browser does, keep its content, and end the viewer."""
    found: list[str] = []

    def address() -> bool:
        found[:] = re.findall(r"http://\S+", beside.said.read_text(errors="replace"))
        return bool(found)

    if _wait_until(beside, address):
        time.sleep(_STEP_SECONDS)  # the line may just have been written
        address()
        parts = urlparse(found[0])
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=_PATIENCE_SECONDS)
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        place = _REFRESH.search(answer.read().decode())
        if place is not None:
            connection.request("GET", place[1], headers={"Cookie": cookie})
            page = connection.getresponse().read()
            (beside.out / "page.html").write_bytes(page.replace(place[1].encode(), b""))
    _send(beside.process, signal.SIGINT)


def answers(port: int) -> bool:
    try:
        return _request(port, "GET", "/jobs")[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def _request(port: int, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request(method, path, content)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _wait_until(beside: Beside, is_so: Callable[[], bool]) -> bool:
    """Wait for a condition while the command is alive; return whether it came."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while _is_alive(beside.process) and time.monotonic() < deadline:
        try:
            if is_so():
                return True
        except _NO_ANSWER:
            pass
        time.sleep(_STEP_SECONDS)
    return False


def _is_alive(process: int) -> bool:
    """Return whether a process is running; a zombie, which its parent has not collected, is not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _send(process: int, number: int) -> None:
    if _is_alive(process):
        os.kill(process, number)
