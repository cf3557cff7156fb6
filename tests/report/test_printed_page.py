"""The report in Chromium: one A4 page when printed, nothing cut off on a screen."""

import os
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.measurement import Measurement, measure_structures
from amcnet.quality import Finding, QualityReport, Severity
from amcnet.report import Contents, Subject, page_html
from amcnet.report.page import draw_pictures

CHROMIUM = os.environ.get("AMCNET_CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is missing: pip install 'amcnet[viewer-tests]'"
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing")
TABLE = hand_label_table()
A4_MM = (210, 297)


@cache
def labels() -> np.ndarray:
    drawn = np.zeros((120, 90, 30), np.uint8)
    for value in range(1, 39):
        column, row = divmod(value - 1, 8)
        drawn[10 + 13 * row : 20 + 13 * row, 5 + 16 * column : 15 + 16 * column, 8:16] = value
    return drawn


@cache
def sizes() -> tuple[Measurement, ...]:
    confidence = dict.fromkeys(range(1, 39), 0.93)
    return tuple(measure_structures(labels(), (1.4, 1.5, 1.5), TABLE, confidence))


def contents(findings: int) -> Contents:
    """Return a page of 38 structures with every column and some findings."""
    bad = tuple(
        Finding(
            "size",
            Severity.BAD,
            (value,),
            f"{TABLE[value].name}: its volume is 36 % of what fits the rest of the hand",
            "volume",
        )
        for value in range(1, findings + 1)
    )
    dice = dict.fromkeys(range(1, 39), 0.81)
    quality = QualityReport(bad, TABLE, tuple(range(1, 39)), ("a check", "another"), dice)
    views = Subject(labels(), (1.4, 1.5, 1.5), TABLE, np.full(labels().shape, 90, np.uint8)).views()
    making = {
        "input, SHA-256": "5b396609" * 8,
        "model, SHA-256 of the weights": "ae2458f7" * 8,
        "settings": "quality balanced, backend auto, device auto, axes auto (depth,lateral,scan), "
        "voxel size of the file, colours luma, clean-up on, memory what is free, all structures",
        "software": "amcnet 0.1.0, numpy 2.4.6, scipy 1.17.1, SimpleITK 2.5.7, openvino 2026.4.1",
    } | {f"entry {number}": "text" for number in range(9)}
    pictures = draw_pictures(views, quality)
    return Contents("Segmentation of a_scan.nrrd", "A notice.", quality, sizes(), pictures, making)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("findings", [0, 2, 24, 38])
def test_a_printed_report_is_one_a4_page(browser, tmp_path: Path, findings: int) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_html(contents(findings)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri())
    wide = page.evaluate(
        "[...document.querySelectorAll('.wide, html')].map(e => [e.scrollWidth, e.clientWidth])"
    )
    assert all(needed <= there for needed, there in wide)
    pdf = page.pdf(prefer_css_page_size=True, print_background=False)
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    (box,) = re.findall(rb"/MediaBox\s*\[([^]]*)\]", pdf)
    size = [float(number) * 25.4 / 72 for number in box.split()[2:]]
    assert size == pytest.approx(A4_MM, abs=0.5)
