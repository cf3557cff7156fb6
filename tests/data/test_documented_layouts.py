"""The layouts in docs/data.md, created from the page's own text and read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.data import check_dataset

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
CASES = ("a", "b", "c", "d")


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    table = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")]
    start = next(i for i, cells in enumerate(table) if "dataset.json" in cells[-1])
    return [[cell.strip().strip("`") for cell in cells] for cells in table[start + 1 :]]


def for_every_case(template: object) -> object:
    """Repeat what a description says of case X for all cases."""
    text = json.dumps(template)
    if isinstance(template, list):
        return [entry for case in CASES for entry in json.loads(re.sub(r"\bX\b", case, text))]
    return {k: v for case in CASES for k, v in json.loads(re.sub(r"\bX\b", case, text)).items()}


def test_the_page_has_the_layouts() -> None:
    assert len(rows()) == 7


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_layout_is_read(row: list[str], tmp_path: Path) -> None:
    _, image, labels, text = row
    rng = np.random.default_rng(0)
    for case in CASES:
        for template, highest in ((image, 200), (labels, 2)):
            path = tmp_path / re.sub(r"X(?![a-zA-Z])", case, template)
            path.parent.mkdir(parents=True, exist_ok=True)
            array = rng.integers(0, highest, (6, 5, 4)).astype(np.uint8)
            sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    description = json.loads(text)
    for key in ("dataset", "training"):
        if key in description:
            description[key] = for_every_case(description[key])
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    report = check_dataset(tmp_path)
    assert report.errors == ()
    assert [case.name for case in report.dataset.cases] == list(CASES)
    assert report.dataset.table.values_by_name == {"background": 0, "bone": 1}
