"""Causes for labels that are no hand, from grids and images whose fault is known."""

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.quality import check_segmentation
from amcnet.quality.no_hand import grid_causes, image_causes

SHAPE, SPACING_MM = (609, 1023, 512), (0.279, 0.130, 0.088)


def test_the_scanner_of_the_paper_has_no_fault() -> None:
    assert grid_causes(SHAPE, SPACING_MM) == ()
    assert grid_causes((609, 512, 256), (0.279, 0.26, 0.176)) == ()


@pytest.mark.parametrize(
    ("spacing_mm", "words"),
    [
        ((1.0, 1.0, 1.0), "1 x 1 x 1 mm, often a placeholder: pass the voxel size"),
        (tuple(mm / 10 for mm in SPACING_MM), "looks like cm instead of mm"),
        (tuple(mm / 1000 for mm in SPACING_MM), "looks like m instead of mm"),
        (tuple(mm * 10 for mm in SPACING_MM), "measures 1699 x 1330 x 451 mm"),
        ((0.279, 0.088, 0.130), "--spacing"),
    ],
)
def test_wrong_spacings_are_named_with_a_remedy(spacing_mm, words) -> None:
    if spacing_mm == (0.279, 0.088, 0.130):
        assert grid_causes(SHAPE, spacing_mm) == ()  # 67 mm deep: possible
        return
    (cause,) = grid_causes(SHAPE, spacing_mm)
    assert words in cause
    assert "--spacing" in cause


def test_exchanged_axes_are_named() -> None:
    (cause,) = grid_causes((609, 512, 1023), (0.279, 0.088, 0.130))
    assert "axes may be exchanged" in cause
    assert "--axes" in cause


def scan() -> np.ndarray:
    """Dark water, a bright skin at depth 20, tissue that fades into shadow; with noise."""
    depth = np.arange(60)
    profile = np.where(depth < 20, 10, 170 * np.exp(-(depth - 20) / 12))
    profile[20:22] = 240
    noise = np.random.default_rng(0).normal(0, 4, (12, 20, 60))
    return np.clip(profile + noise, 0, 255)


def test_inverted_and_reversed_images_are_named() -> None:
    assert image_causes(scan()) == ()
    assert image_causes(scan()[::-1, ::-1]) == ()
    assert "inverted" in image_causes(255 - scan())[0]
    assert "Depth looks reversed" in image_causes(scan()[:, :, ::-1])[0]
    assert image_causes(np.zeros((4, 4, 20))) == image_causes(np.full((4, 4, 20), np.nan)) == ()


def test_causes_stand_in_the_finding_and_only_for_hands() -> None:
    labels = np.zeros((400, 40, 40), np.uint8)
    report = check_segmentation(labels, (1, 1, 1), hand_label_table(), image=255.0 - labels)
    assert "often a placeholder" in report.summary()
    other = check_segmentation(labels, (1, 1, 1), LabelTable.from_names(["liver"]))
    assert "placeholder" not in other.text()


@pytest.mark.parametrize("value", [1, 6, 13, 22, 38])
def test_a_renamed_structure_of_a_hand_is_checked_like_any_other(value: int) -> None:
    """Blocks in the order of the table; whatever is found, nothing may break."""
    hand = hand_label_table()
    renamed = tuple(
        Structure(**{**vars(s), "name": "something else"}) if s.value == value else s for s in hand
    )
    labels = np.zeros((180, 66, 12), np.uint8)
    for structure in hand:
        finger = list(dict.fromkeys(s.group for s in hand)).index(structure.group)
        place = [s.value for s in hand if s.group == structure.group].index(structure.value)
        labels[4 + 20 * place : 21 + 20 * place, 2 + 12 * finger : 10 + 12 * finger, 2:8] = (
            structure.value
        )
    for absent in (0, value, *hand[value].neighbours):
        report = check_segmentation(
            np.where(labels == absent, 0, labels), (1, 1, 1), LabelTable(renamed)
        )
        assert report.text()
