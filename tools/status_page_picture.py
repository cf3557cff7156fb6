"""Draw the picture of docs/serving.md: the status page of a service, in headless Chromium.

python -m tools.status_page_picture docs/pictures/status-page.png --series FOLDER

The service segments a small phantom, fails on a file that is no volume, cannot forward the result
of a DICOM series, and is asked for more than it has done. Needs the extras dicom, serve and
viewer-tests, Chromium and dcmtk.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np
from playwright.sync_api import sync_playwright

from amcnet.io import Geometry, write_image

MAIN = "from amcnet.cli.main import main; main()"
_ARGUMENTS = ["--no-sandbox"]
_PATIENCE_MS = 300_000
_WAIT_SECONDS = 900


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--series", type=Path, required=True, help="a folder of DICOM images")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        amcnet("phantom", "--out", folder / "phantoms", "--count", "2", "--grid", "half")
        process, url, port = start(folder / "data")
        try:
            fill(url, port, folder, wanted.series)
            draw(url, wanted.picture)
        finally:
            process.terminate()
            process.wait(60)


def amcnet(*arguments: object) -> None:
    subprocess.run([sys.executable, "-c", MAIN, *map(str, arguments)], check=True)


def start(data: Path) -> tuple[subprocess.Popen[str], str, int]:
    """Start a service whose results go to a node that does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    call = [sys.executable, "-c", MAIN, "serve", "--http", "127.0.0.1:0", "--data", str(data)]
    call += ["--dicom", f"AMCNET:{port}", "--quiet", "1", "--forward", "PACS@127.0.0.1:9"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=environment)
    url = "" if process.stdout is None else process.stdout.readline().strip()
    return process, url, port


def fill(url: str, port: int, folder: Path, series: Path) -> None:
    """Give the service something of everything that the page shows."""
    volumes = sorted((folder / "phantoms/imagesTr").iterdir())
    submit(url, volumes[0], "hand-left.nrrd")
    damaged = folder / "damaged.nrrd"
    damaged.write_bytes(b"NRRD0004\n")
    submit(url, damaged, damaged.name)
    subprocess.run(
        ["/usr/bin/storescu", "-aec", "AMCNET", "+sd", "127.0.0.1", str(port), str(series)],
        check=True,
    )
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        jobs = json.load(urlopen(f"{url}/queue"))["jobs"]
        if any(job["attempts"] for job in jobs) and any(job["state"] == "done" for job in jobs):
            break
        time.sleep(0.5)
    submit(url, volumes[1], "hand-right.nrrd")
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (24, 40, 36)).astype(np.uint8)
        path = folder / f"follow-up-{number + 1}.nrrd"
        write_image(path, noise, Geometry.canonical(noise.shape, (1.2, 1.0, 0.9)))
        submit(url, path, path.name)


def submit(url: str, volume: Path, name: str) -> None:
    address = f"{url}/jobs?{urlencode({'name': name})}"
    urlopen(Request(address, volume.read_bytes(), method="POST")).close()


def draw(url: str, picture: Path) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=_ARGUMENTS, timeout=_PATIENCE_MS
        )
        page = browser.new_page(viewport={"width": 1100, "height": 560})
        page.set_default_timeout(_PATIENCE_MS)
        page.goto(f"{url}/status")
        page.wait_for_selector("body[data-state=ready]")
        picture.write_bytes(page.screenshot(timeout=_PATIENCE_MS))
        browser.close()


if __name__ == "__main__":
    main()
