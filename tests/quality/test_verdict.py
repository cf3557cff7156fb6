import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.inference import Segmentation
from amcnet.io import Geometry
from amcnet.labelmaps.validation import labelled_box
from amcnet.quality import Finding, QualityReport, Severity
from amcnet.quality.observation import observe
from amcnet.workflows.check_files import check_result
from amcnet.workflows.segment.segment_volume import segment

TABLE = hand_label_table()
SPACING_MM = (1.0, 0.8, 0.6)


def result_of(labels: np.ndarray, table: LabelTable = TABLE) -> Segmentation:
    geometry = Geometry.canonical(labels.shape, SPACING_MM)
    confidence = {value: 0.55 for value in np.unique(labels).tolist() if value}
    return Segmentation(labels, geometry, table, confidence, "", {})


boxes = st.lists(
    st.tuples(st.integers(1, 12), *(st.tuples(st.integers(0, 11), st.integers(1, 5)),) * 3),
    max_size=8,
)


@settings(max_examples=30)
@given(boxes)
def test_the_box_of_all_structures_has_the_observations_of_the_volume(places: list) -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    for value, *ranges in places:
        labels[tuple(slice(start, start + length) for start, length in ranges)] = value
    part = labels[labelled_box(labels)]
    assert np.count_nonzero(part) == np.count_nonzero(labels)
    whole, cut = (observe(each, SPACING_MM, TABLE).found for each in (labels, part))
    assert whole.keys() == cut.keys()
    for value, one in whole.items():
        assert one.piece_voxels == cut[value].piece_voxels
        assert one.at_border == cut[value].at_border
        assert one.length_mm == pytest.approx(cut[value].length_mm)


def report(*severities: Severity) -> QualityReport:
    findings = (Finding("size", s, (1,), f"finding {n}") for n, s in enumerate(severities, 1))
    return QualityReport(tuple(findings), TABLE, (1, 2))


@pytest.mark.parametrize(
    ("severities", "text"),
    [
        ((), "ok: nothing suspicious"),
        ((Severity.LOOK,), "look: finding 1"),
        ((Severity.BAD, Severity.LOOK), "bad: finding 1\nfinding 2"),
        ((Severity.BAD,) * 4, "bad: finding 1\nfinding 2 (and 2 more)"),
    ],
)
def test_one_or_two_lines(severities: tuple[Severity, ...], text: str) -> None:
    assert report(*severities).summary() == text


def test_labels_of_something_else_get_no_verdict() -> None:
    labels = np.zeros((6, 6, 6), np.uint8)
    result = result_of(labels, LabelTable.from_names(["liver", "spleen"]))
    assert not check_result(result).is_no_hand


@pytest.mark.parametrize("kind", ["noise", "empty"])
def test_what_is_no_hand_is_called_so(kind: str) -> None:
    image = np.zeros((40, 60, 50), np.float32)
    if kind == "noise":
        image[:] = np.random.default_rng(0).normal(100, 30, image.shape)
    result = segment(image, (1.0, 1.0, 0.8), quality="fast")
    quality = check_result(result)
    assert quality.is_no_hand
    assert quality.summary().startswith("bad: no hand: ")
