"""The report page, read back with a parser that knows nothing of how it is made."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError, OutputError
from amcnet.inference import Segmentation
from amcnet.io import Geometry, write_image, write_labels
from amcnet.io.predicted_dice import PredictedDice
from amcnet.measurement import Measurement, measure_structures
from amcnet.quality import Finding, QualityReport, Severity, check_segmentation
from amcnet.report import Contents, Subject, page_html, report_contents
from amcnet.report.preview import DPI, heading_of
from amcnet.workflows.check_files import check_file, check_result, write_label_report
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.report_page import write_report_page
from amcnet.workflows.segment.side_outputs import with_report_pages

SHAPE, SPACING_MM = (24, 30, 20), (1.0, 0.5, 0.7)
VOID = {"meta", "img"}


def write_report(path: Path, *arguments: object) -> QualityReport:
    contents = report_contents(*arguments)
    path.write_text(page_html(contents), encoding="utf-8")
    return contents.quality


class Page(HTMLParser):
    """Elements, all text, and the cells of tables by their id; complains of bad nesting."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self._table = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = str(dict(attrs)["id"])
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.tables[self._table][-1][-1] += data
        elif "style" not in self.open:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def subject() -> Subject:
    labels = np.zeros(SHAPE, np.uint8)
    for value, place in ((7, 2), (8, 8), (9, 14), (10, 20)):
        labels[place : place + 4, 8 : 8 + value, 5:11] = value
    image = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8)
    return Subject(labels, SPACING_MM, hand_label_table(), image, {7: 0.9, 8: 0.4})


def test_numbers_and_findings_are_those_of_measure_and_check(
    subject: Subject, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    quality = write_report(path, subject, "A scan", {"model": "hand"}, "No device.")
    page = Page(path)
    expected = check_segmentation(
        subject.labels, SPACING_MM, subject.table, subject.confidence, subject.image
    )
    assert quality == expected
    text = " ".join(page.words)
    assert all(finding.message in text for finding in expected.findings)
    assert "No device." in text
    head, *rows = page.tables["structures"]
    sizes = measure_structures(subject.labels, SPACING_MM, subject.table, subject.confidence)
    assert [row[1] for row in rows] == [one.name for one in sizes]
    at = head.index("volume, mm³")
    for row, one in zip(rows, sizes, strict=True):
        found = (
            one.volume_mm3, one.length_mm, one.width_mm, one.thickness_mm, one.surface_area_mm2,
        )  # fmt: skip
        shown = ["-" if size is None else f"{size:.1f}" for size in found]
        ratio = one.growth_end.width_ratio if one.growth_end else None
        shown.append("-" if ratio is None else f"{ratio:.2f}")
        shown.append("-" if one.confidence is None else f"{one.confidence:.0%}".replace("%", " %"))
        assert row[at:] == shown
        assert ("absent" in row[2]) == (not one.present)
        if one.present:
            assert row[2] == str(expected.severity_of(one.label))
    assert page.tables["making"] == [["model", "hand"]]


def test_predicted_dice_has_a_column_and_a_note(subject: Subject, tmp_path: Path) -> None:
    write_report(tmp_path / "without.html", subject, "A scan", {})
    assert "predicted Dice" not in Page(tmp_path / "without.html").tables["structures"][0]
    predicted = replace(subject, predicted=PredictedDice({7: 0.88, 8: 0.31}))
    write_report(tmp_path / "with.html", predicted, "A scan", {})
    page = Page(tmp_path / "with.html")
    head, *rows = page.tables["structures"]
    column = head.index("predicted Dice")
    assert [rows[value - 1][column] for value in (7, 8, 9)] == ["0.88", "0.31", "-"]
    assert any("Predicted Dice: " in word for word in page.words)


def test_nothing_is_loaded_and_pictures_have_words(subject: Subject, tmp_path: Path) -> None:
    write_report(tmp_path / "page.html", subject, "A scan", {})
    page = Page(tmp_path / "page.html")
    content = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not [word for word in ("http:", "https:", "url(", "@import") if word in content]
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert not any(key in ("href", "onload") for _, a in page.elements for key in a)
    pictures = page.all("img")
    assert len(pictures) == 2  # some structures need a look
    for picture in pictures:
        kind, data = str(picture["src"]).split(",")
        assert kind == "data:image/png;base64"
        pixels = np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("L"))
        rows, columns = (pixels != pixels[0, 0]).nonzero()
        # The margins are cut off: a tenth of an inch or little more remains.
        ends = pixels.shape - np.array([rows.max(), columns.max()]) - 1
        margins = [rows.min(), columns.min(), *ends]
        assert all(0.08 * DPI <= margin <= 0.2 * DPI for margin in margins), margins
        assert picture["alt"]
    assert page.all("html")[0]["lang"] == "en"
    assert all(th["scope"] in ("col", "row") for th in page.all("th"))


def test_hostile_names_are_text(subject: Subject, tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>\udc80\n&amp;'
    tag = '<script>alert("x")</script>&amp;'  # tables refuse control characters
    names = [f"{tag} {value}" for value in range(1, 12)]
    subject = replace(subject, table=LabelTable.from_names(names), image=None)
    write_report(tmp_path / "page.html", subject, evil, {evil: evil}, evil)
    page = Page(tmp_path / "page.html")
    assert not page.all("script")
    shown = '<script>alert("x")</script>\\udc80\\n&amp;'
    assert page.tables["making"] == [[shown, shown]]
    found = [row[1] for row in page.tables["structures"][1:]]
    assert found == names


def test_unusable_subject_leaves_no_page(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="image has the shape"):
        write_report(tmp_path / "p.html", replace(subject, image=np.zeros((2, 2, 2))), "", {})
    assert not list(tmp_path.iterdir())


def test_page_of_a_label_file(subject: Subject, tmp_path: Path) -> None:
    labels, image, path = (tmp_path / name for name in ("a.seg.nrrd", "a.nrrd", "a.html"))
    geometry = Geometry.canonical(SHAPE, SPACING_MM)
    write_labels(labels, subject.labels, geometry, subject.table)
    write_image(image, subject.image, geometry)
    assert write_label_report(path, labels, image) == check_file(labels, image)
    making = dict(Page(path).tables["making"])
    assert making["image, SHA-256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert making["model"].startswith("unknown")
    assert "24 x 30 x 20 voxels of 1 x 0.5 x 0.7 mm" in making["grid"]
    other = tmp_path / "b.nrrd"
    write_image(other, subject.image, Geometry.canonical(SHAPE, (1.0, 1.0, 1.0)))
    with pytest.raises(InputError, match=r"b\.nrrd: does not lie on the grid"):
        write_label_report(path, labels, other)


def test_pages_are_checked_before_any_work(tmp_path: Path) -> None:
    jobs = [Job(tmp_path / f"{n}.nrrd", tmp_path / f"{n}.seg.nrrd") for n in "ab"]
    folder = tmp_path / "pages"
    pages = [job.report for job in with_report_pages(jobs, folder)]
    assert pages == [folder / f"{n}.html" for n in "ab"]
    assert with_report_pages(jobs[:1], tmp_path / "x.htm")[0].report == tmp_path / "x.htm"
    with pytest.raises(OutputError, match="expected a folder for 2"):
        with_report_pages(jobs, tmp_path / "x.html")
    (folder / "a.html").write_text("mine")
    with pytest.raises(OutputError, match="already exists"):
        with_report_pages(jobs, folder)
    with_report_pages(jobs, folder, overwrite=True)
    same = replace(jobs[1], target=tmp_path / "A.nrrd")
    with pytest.raises(OutputError, match="would be written for"):
        with_report_pages([jobs[0], same], tmp_path / "more")


def test_a_page_that_fails_leaves_the_labels(subject: Subject, tmp_path: Path) -> None:
    job = Job(tmp_path / "gone.nrrd", tmp_path / "gone.seg.nrrd", report=tmp_path / "gone.html")
    result = Segmentation(
        subject.labels, Geometry.canonical(SHAPE, SPACING_MM), subject.table, {}, "", {}
    )
    result.write(job.target)
    with pytest.raises(OutputError, match=r"labels are written, their report is not"):
        write_report_page(job, SegmentOptions(), result, check_result(result), 0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["gone.seg.nrrd"]


def hand_like(reverse: bool) -> Subject:
    """A distal phalanx and a metacarpal, far from the border."""
    labels = np.zeros((60, 30, 20), np.uint8)
    labels[5:15, 8:14, 5:11], labels[35:55, 8:14, 5:11] = 7, 14
    return Subject(labels[::-1] if reverse else labels, (1.0, 1.0, 1.0), hand_label_table())


def test_the_caption_says_which_end_is_at_the_top() -> None:
    for reverse, end in ((False, "fingertips"), (True, "wrist")):
        subject = hand_like(reverse)
        assert (
            heading_of(subject.views().overview, subject.table) == f"From above, {end} at the top"
        )
    organs = LabelTable.from_names([f"organ {n}" for n in range(1, 15)])
    assert heading_of(hand_like(False).views().overview, organs) == "From above"


def test_there_is_no_second_picture_where_all_is_well() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15] = 1
    subject = Subject(labels, (1.0, 1.0, 1.0), LabelTable.from_names(["cube"]))
    contents = report_contents(subject, "A cube", {})
    assert contents.quality.verdict is Severity.OK
    assert len(contents.pictures) == 1


def test_unusual_sizes_are_marked(tmp_path: Path) -> None:
    finding = Finding("size", Severity.LOOK, (1,), "its length is odd", measure="length")
    table = LabelTable.from_names(["cube"])
    contents = Contents(
        "t", "", QualityReport((finding,), table, (1,)),
        (Measurement(1, "cube", True, 8, 8.0, 2.0, 2.0, 2.0),), (), {},
    )  # fmt: skip
    (tmp_path / "p.html").write_text(page_html(contents), encoding="utf-8")
    marked = [a for a in Page(tmp_path / "p.html").all("td") if a.get("class") == "unusual"]
    assert [a["title"] for a in marked] == ["its length is odd"]


@pytest.mark.slow
def test_a_printed_page_is_one_sheet_of_a4(subject: Subject, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    making = {f"row {n}": "some text of usual length " * 3 for n in range(12)}
    write_report(tmp_path / "page.html", subject, "A scan", making, "Research software." * 4)
    with sync_api.sync_playwright() as play:
        try:
            browser = play.chromium.launch(args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no browser: {error}")
        page = browser.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1
    width, height = map(float, re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)[0])
    assert (width, height) == pytest.approx((595, 842), abs=2)
