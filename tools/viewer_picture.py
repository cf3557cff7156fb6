"""Draw the pictures of docs/viewing.md: the viewer with a bone selected, in headless Chromium.

python tools/viewer_picture.py scan.nrrd scan.seg.nrrd docs/pictures/viewer.png

Needs the extra viewer-tests and Chromium. WebGL2 is rendered on the processor, which takes minutes
for a volume of full size.
"""

import argparse
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from amcnet.viewer import PageServer, page_resources, read_scene

_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
_PATIENCE_MS = 300_000
_STEP = 8  # of 256 levels; invisible noise would double the size of the file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volume", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--compare", type=Path, help="a second segmentation")
    parser.add_argument("--label", type=int, default=12, help="the bone to select")
    wanted = parser.parse_args()
    scene = read_scene(wanted.volume, wanted.labels, compared=wanted.compare)
    with PageServer(page_resources(scene)) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=_ARGUMENTS, timeout=_PATIENCE_MS
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(_PATIENCE_MS)
        page.goto(server.new_link())
        page.wait_for_selector("body[data-state=ready]")
        page.locator(f'#structures [data-label="{wanted.label}"] button').click()
        png = page.screenshot(timeout=_PATIENCE_MS)
        browser.close()
    with Image.open(io.BytesIO(png)) as picture:
        colours = np.asarray(picture.convert("RGB"), np.int16)
    rounded = (colours + _STEP // 2) // _STEP * _STEP
    few = Image.fromarray(rounded.clip(0, 255).astype(np.uint8))
    few.save(wanted.picture, optimize=True)


if __name__ == "__main__":
    main()
