"""A service in a process of its own, and requests to it with the standard library alone."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlparse

MAIN = "from amcnet.cli.main import main; main()"
READY_SECONDS = 600  # for machines that do much else
AXES = "depth,lateral,scan"  # as the volumes have them; else all axes are searched for a hand


def dcmtk(name: str) -> str | None:
    """Return a program of dcmtk; pynetdicom puts programs of the same names beside Python."""
    beside = str(Path(sys.executable).parent)
    folders = [one for one in os.environ["PATH"].split(os.pathsep) if one != beside]
    return shutil.which(name, path=os.pathsep.join(folders))


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """``amcnet serve`` as a department runs it.

    Args:
        folder: For its data and its log.
        model: The bundle that it loads.
        options: Further options of the command.
    """

    def __init__(self, folder: Path, model: Path, *options: str) -> None:
        self.data, self.log_path = folder / "data", folder / "log"
        self._arguments = ["serve", "--model", str(model), "--data", str(self.data)]
        self._arguments += ["--http", "127.0.0.1:0", "--reserve", "0", *options]
        self.start()

    def start(self) -> None:
        self.launch()
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.append(self.process.stdout.readline()))
        reader.start()
        reader.join(READY_SECONDS)
        self.url = lines[0].decode().strip() if lines else ""
        assert self.url.startswith("http://"), self.log_text()

    def launch(self) -> None:
        """Start the process without waiting until it is ready."""
        self.log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *self._arguments],
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def kill(self) -> None:
        """End it as a power failure does."""
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()
        self.log.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(60) == 0, self.log_text()
        self.process.stdout.close()
        self.log.close()

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace")

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> Answer:
        address = urlparse(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        sent = {} if token is None else {"Authorization": f"Bearer {token}"}
        query = f"?{urlencode(fields)}" if fields else ""
        try:
            connection.request(method, path + query, body, sent | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, token: str | None = None, **fields: str) -> Answer:
        return self.request("GET", path, None, token, **fields)

    def submit(self, path: Path, token: str | None = None, **fields: str) -> Answer:
        fields = {"name": path.name, "report": "false", "axes": AXES} | fields
        return self.request("POST", "/jobs", path.read_bytes(), token, **fields)

    def wait(self, job_id: str, token: str | None = None, seconds: float = 120) -> Any:
        """Return a job when it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.get(f"/jobs/{job_id}", token).json
            if job["state"] in ("done", "failed", "forwarded"):
                return job
            time.sleep(0.1)
        raise AssertionError(f"{job} has not ended\n{self.log_text()[-3000:]}")

    def events(self, job_id: str, token: str | None = None) -> list[dict[str, Any]]:
        """Return all events of a job, by the stream that ends with it."""
        answer = self.get(f"/jobs/{job_id}/events", token)
        assert answer.status == 200, answer.body
        lines = answer.body.decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
