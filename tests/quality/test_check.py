"""A phantom's label map, clean and with faults planted by hand."""

from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError
from amcnet.io import Geometry, write_image, write_labels
from amcnet.phantom import NETWORK_GRID, PhantomConfig, PhantomGrid
from amcnet.phantom.phantom import draw_phantom
from amcnet.phantom.tissue import Voxeliser
from amcnet.quality import QualityReport, Severity, check_segmentation
from amcnet.workflows.check_files import check_file

HAND = hand_label_table()
GRID = PhantomGrid((203, 171, 85), (0.837, 0.7777, 0.53))


@pytest.fixture(scope="module")
def hand() -> np.ndarray:
    """Labels of a hand of eight years, (scan, lateral, depth), on a coarse grid."""
    drawn, _ = draw_phantom(9, PhantomConfig(grid=GRID, age_years=(8, 9)))
    assert np.allclose(GRID.field_of_view_mm, NETWORK_GRID.field_of_view_mm, rtol=0.01)
    labels = Voxeliser(drawn, GRID).slab(0, GRID.shape[0]).labels
    labels.flags.writeable = False
    return labels


def check(labels: np.ndarray) -> QualityReport:
    return check_segmentation(labels, GRID.spacing_mm, HAND)


def alarms(report: QualityReport) -> list[tuple[str, tuple[int, ...]]]:
    return [(f.kind, f.structures) for f in report.findings if f.severity > Severity.OK]


def relabelled(labels: np.ndarray, changes: dict[int, int]) -> np.ndarray:
    lookup = np.arange(256, dtype=np.uint8)
    for old, new in changes.items():
        lookup[old] = new
    return lookup[labels]


def test_a_true_hand_and_its_mirror_image_are_ok(hand: np.ndarray) -> None:
    for labels in (hand, hand[:, ::-1], hand.astype(np.int32)):
        report = check(labels)
        assert (report.verdict, report.findings) == (Severity.OK, ())


def test_a_missing_bone_is_bad_and_a_missing_epiphysis_worth_a_look(hand: np.ndarray) -> None:
    report = check(relabelled(hand, {17: 0, 26: 0}))
    assert alarms(report) == [("missing", (17,)), ("missing", (26,))]
    assert (report.severity_of(17), report.severity_of(26)) == (Severity.BAD, Severity.LOOK)


@pytest.mark.parametrize("pair", [(9, 11), (9, 17), (22, 14), (3, 4), (25, 26), (7, 1)])
def test_two_that_are_swapped_are_named(hand: np.ndarray, pair: tuple[int, int]) -> None:
    one, other = pair
    report = check(relabelled(hand, {one: other, other: one}))
    assert ("order", tuple(sorted(pair))) in alarms(report)
    assert report.verdict is Severity.BAD


def test_two_whole_fingers_that_are_swapped_are_named(hand: np.ndarray) -> None:
    exchange = {7 + k: 15 + k for k in range(8)} | {15 + k: 7 + k for k in range(8)}
    finding = check(relabelled(hand, exchange)).findings[0]
    assert finding.message == "all of index finger and middle finger: look swapped"
    assert finding.structures == tuple(range(7, 23))


def test_a_bone_in_two_pieces_is_told(hand: np.ndarray) -> None:
    labels = hand.copy()
    scans = np.unique(np.nonzero(labels == 22)[0])
    middle = int(scans[len(scans) // 2])
    labels[middle : middle + 2][labels[middle : middle + 2] == 22] = 0
    assert alarms(check(labels)) == [("pieces", (22,))]


def test_a_bone_that_lost_its_end_is_too_small(hand: np.ndarray) -> None:
    labels = hand.copy()
    scans = np.unique(np.nonzero(labels == 30)[0])
    cut = int(scans[int(0.6 * len(scans))])
    labels[cut:][labels[cut:] == 30] = 0
    assert ("size", (30,)) in alarms(check(labels))


def test_sizes_do_not_depend_on_the_scale_but_the_scale_is_judged(hand: np.ndarray) -> None:
    half = check_segmentation(hand, [0.4 * mm for mm in GRID.spacing_mm], HAND)
    assert "scale" in [kind for kind, _ in alarms(half)]
    grown = check_segmentation(hand, [1.2 * mm for mm in GRID.spacing_mm], HAND)
    assert alarms(grown) == []


def test_what_the_border_cuts_is_told_and_its_size_is_not_judged(hand: np.ndarray) -> None:
    first = int(np.nonzero(hand == 15)[0].mean())  # within the longest finger's last bone
    report = check(hand[first:])
    ((kind, cut),) = alarms(report)
    assert kind == "border"
    assert 15 in cut
    (finding,) = [f for f in report.findings if f.kind == "border"]
    assert finding.message.startswith("the scan ends here: ")
    assert "distal phalanx of middle finger" in finding.message
    assert "(first scan slice)" in finding.message


def test_what_lies_beyond_the_border_is_no_worse_than_a_look(hand: np.ndarray) -> None:
    first = int(np.nonzero(hand == 17)[0].mean())
    report = check(hand[first:])
    assert report.severity_of(15) is Severity.LOOK
    assert report.verdict is Severity.LOOK


def test_low_confidence_is_told(hand: np.ndarray) -> None:
    sure = dict.fromkeys(range(1, 39), 0.9)
    unsure = check_segmentation(hand, GRID.spacing_mm, HAND, sure | {4: 0.55, 8: 0.3})
    assert alarms(unsure) == [("confidence", (8,)), ("confidence", (4,))]
    throughout = check_segmentation(hand, GRID.spacing_mm, HAND, dict.fromkeys(sure, 0.55))
    assert ("confidence", ()) in alarms(throughout)


def test_scattered_labels_are_no_hand() -> None:
    rng = np.random.default_rng(2)
    labels = np.zeros((120, 100, 60), np.uint8)
    for value in range(1, 39):
        scan, lateral, depth = (rng.integers(0, n - 6) for n in labels.shape)
        labels[scan : scan + 5, lateral : lateral + 4, depth : depth + 3] = value
    (finding,) = check(labels).findings
    assert (finding.kind, finding.severity) == ("unlike a hand", Severity.BAD)
    assert set(finding.structures) == set(np.unique(labels)) - {0}


def test_nothing_at_all_is_bad() -> None:
    report = check(np.zeros((8, 9, 10), np.uint8))
    assert [kind for kind, _ in alarms(report)] == ["nothing"]


def test_any_table_gets_what_needs_no_hand() -> None:
    labels = np.zeros((30, 20, 20), np.uint8)
    labels[2:8, 5:9, 5:9] = 1
    labels[12:16, 5:9, 5:9] = labels[20:24, 5:9, 5:9] = 2
    labels[26:, 5:9, 5:9] = 3
    table = LabelTable.from_names(["liver", "kidneys", "cut", "spleen"])
    report = check_segmentation(labels, (1, 1, 1), table)
    assert sorted(alarms(report)) == [("border", (3,)), ("missing", (4,)), ("pieces", (2,))]
    assert len(report.unchecked) == 3


def test_the_image_must_fit_and_is_checked_too(hand: np.ndarray) -> None:
    report = check_segmentation(hand, GRID.spacing_mm, HAND, image=np.zeros(hand.shape, np.uint8))
    assert [kind for kind, _ in alarms(report)] == ["image"]
    with pytest.raises(InputError, match="expected that of the labels"):
        check_segmentation(hand, GRID.spacing_mm, HAND, image=np.zeros((2, 2, 2)))


def test_files_give_what_arrays_give(hand: np.ndarray, tmp_path: Path) -> None:
    labels = relabelled(hand, {17: 0})
    geometry = Geometry.canonical(labels.shape, GRID.spacing_mm)
    write_labels(tmp_path / "hand.seg.nrrd", labels, geometry, HAND)
    assert alarms(check_file(tmp_path / "hand.seg.nrrd")) == alarms(check(labels))
    other = Geometry.canonical((4, 5, 6), GRID.spacing_mm)
    write_image(tmp_path / "image.nrrd", np.zeros((4, 5, 6), np.uint8), other)
    with pytest.raises(InputError, match="does not lie on the grid"):
        check_file(tmp_path / "hand.seg.nrrd", tmp_path / "image.nrrd")


def test_too_large_a_table_is_refused() -> None:
    table = LabelTable.from_names([f"part {n}" for n in range(255)])
    with pytest.raises(InputError, match="255 structures, expected at most 254"):
        check_segmentation(np.zeros((3, 3, 3), np.uint8), (1, 1, 1), table)
