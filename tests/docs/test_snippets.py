"""The Python snippets of every page, run as they are written."""

import os
import sys
from pathlib import Path

import pytest

from .pages import Page, all_pages
from .running import NewWorld, look_and_interrupt, run

Key = tuple[str, int]

A_RESULT = """
import amcnet
result = amcnet.segment("scan.nrrd")
"""
AN_IMAGE = """
from amcnet.io import read_volume
image = read_volume("scan.nrrd").array
"""
# What comes before a snippet that takes some names as given, by page and place on it.
PREAMBLES: dict[Key, str] = {
    ("docs/evaluation.md", 0): """
from amcnet.io import read_labels
truth = read_labels("reference.nii.gz")
reference, spacing_mm = truth.array, truth.spacing_mm
prediction = read_labels("prediction.seg.nrrd").array
""",
    ("docs/measurements.md", 0): A_RESULT,
    ("docs/quality.md", 0): AN_IMAGE
    + """
from pathlib import Path
from amcnet.anatomy import hand_label_table
from amcnet.io import read_labels
found = read_labels("scan.seg.nrrd")
labels, spacing_mm, table = found.array, found.spacing_mm, hand_label_table()
confidence = {structure.value: 0.9 for structure in table}
path = Path("preview.png")
""",
    ("docs/report.md", 0): A_RESULT + AN_IMAGE,
    ("docs/statistics.md", 1): "from pathlib import Path\n",
}
# Files and folders that a snippet writes.
WRITTEN: dict[Key, tuple[str, ...]] = {
    ("README.md", 0): ("scan.seg.nrrd",),
    ("docs/measurements.md", 0): ("sizes.json",),
    ("docs/own-data.md", 0): ("my-scans", "my-scans-prepared"),
    ("docs/quality.md", 0): ("preview.png",),
    ("docs/report.md", 0): ("scan.html",),
    ("docs/segmenting.md", 2): ("results",),
    ("docs/statistics.md", 0): ("table.md",),
    ("docs/statistics.md", 1): ("confusion.png",),
}
# Snippets that serve a page until somebody ends them.
UNTIL_CTRL_C = {("docs/viewing.md", 0)}


def snippets_to_run(page: Page) -> dict[Key, str]:
    """Return the snippets of a page by page and place on it."""
    return {(page.name, number): text for number, text in enumerate(page.snippets)}


SNIPPETS = {key: text for page in all_pages() for key, text in snippets_to_run(page).items()}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="ends what serves a page as POSIX does")
@pytest.mark.parametrize("key", SNIPPETS, ids=lambda key: f"{key[0]}-{key[1]}")
def test_snippet(key: Key, new_world: NewWorld) -> None:
    written = WRITTEN.get(key, ())
    world = new_world(written)
    script = world / "snippet.py"
    script.write_text(f"{PREAMBLES.get(key, '')}\n{SNIPPETS[key]}", encoding="utf-8")
    command = [sys.executable, str(script)]
    if key in UNTIL_CTRL_C:
        assert "KeyboardInterrupt" in look_and_interrupt(command, world).stderr
        return
    run(command, world).check(str(key))
    assert [name for name in written if not _is_there(world / name)] == []


def _is_there(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.stat().st_size > 0
