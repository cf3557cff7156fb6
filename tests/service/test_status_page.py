"""The status page in a real browser; needs what tests/viewer/test_page.py needs."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amcnet.io import Geometry, write_image

from .running import Service

CHROMIUM = os.environ.get("AMCNET_CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is missing: pip install 'amcnet[viewer-tests]'"
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt-get install chromium"),
    pytest.mark.timeout(600),
]
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
             "--disable-quic", "--no-first-run", "--disable-background-networking"]  # fmt: skip
PATIENCE_MS = 120_000
TOKEN = "anna-token-0123456789"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, small_bundle: Path) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("status")
    tokens = folder / "tokens"
    tokens.write_text(f"anna {TOKEN}\n")
    tokens.chmod(0o600)
    running = Service(folder, small_bundle, "--token-file", str(tokens))
    yield running
    running.close()


def test_the_page_shows_the_queue_and_opens_a_result(
    service: Service, tmp_path: Path, speckle: np.ndarray
) -> None:
    grid = Geometry.canonical(speckle.shape, (1.2, 1.0, 0.9))
    write_image(tmp_path / "good.nrrd", speckle, grid)
    (tmp_path / "<b>bad.nrrd").write_bytes(b"NRRD0004\n")
    good = service.submit(tmp_path / "good.nrrd", TOKEN).json["id"]
    bad = service.request(
        "POST", "/jobs", b"NRRD0004\n", TOKEN, name="bad&amp;.nrrd", report="false"
    ).json["id"]
    assert service.wait(good, TOKEN)["state"] == "done"
    assert service.wait(bad, TOKEN)["state"] == "failed"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE_MS)
        problems: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(service.url)  # leads a browser to the page
        page.wait_for_selector("body[data-state=login]")
        page.fill("#token", "wrong-token-0123456789")
        page.click("#login button")
        page.wait_for_selector("#login-problem:not(:empty)")
        assert "not accepted" in page.text_content("#login-problem")
        page.fill("#token", TOKEN)
        page.click("#login button")
        page.wait_for_selector("body[data-state=ready]")
        row = page.text_content(f"tr[data-job='{good}']")
        assert "good.nrrd" in row
        assert "done" in row
        failed = page.text_content(f"tr[data-job='{bad}']")
        assert "bad&amp;.nrrd" in failed  # as text
        assert "failed" in failed
        assert "done 1" in page.text_content("#counts")
        assert "model small" in page.text_content("#about")
        lines = "nodes => nodes.map(node => node.getClientRects().length)"
        assert set(page.eval_on_selector_all(".badge", lines)) == {1}
        cookie = page.context.cookies()[0]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert page.evaluate("document.cookie") == ""
        page.on("dialog", lambda dialog: dialog.accept())
        page.click(f"tr[data-job='{bad}'] button")
        page.wait_for_selector(f"tr[data-job='{bad}']", state="detached")
        page.click(f"tr[data-job='{good}'] a >> text=view")
        page.wait_for_selector("body[data-state=ready] #structures li", state="attached")
        assert "good.nrrd" in page.text_content("#volume")
        assert problems == []
        assert all(url.startswith((service.url, "data:", "blob:")) for url in asked)
        browser.close()
