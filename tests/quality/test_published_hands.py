"""Adult hands of published lengths, which the tables of the check do not know.

Lengths: Buryanov and Kotiuk, International Journal of Morphology 28, 2010, 755-758. Bones are
elliptic cylinders; their sections vary from bone to bone.
"""

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table, label_values
from amcnet.quality import QualityReport, Severity, check_segmentation

HAND = hand_label_table()
SPACING_MM = (0.8, 0.6, 0.6)
# Distal to proximal: (segment, mean and standard deviation in mm for each ray).
LENGTHS_MM = (
    ("distal phalanx", ((21.7, 1.6), (15.8, 2.3), (17.4, 1.9), (17.3, 2.2), (16.0, 2.5))),
    ("middle phalanx", (None, (22.4, 2.5), (26.3, 3.0), (25.7, 3.3), (18.1, 2.5))),
    ("proximal phalanx", ((31.6, 3.1), (39.8, 4.9), (44.6, 3.8), (41.4, 3.9), (32.7, 2.8))),
    ("metacarpal", ((46.2, 3.9), (68.1, 6.3), (64.6, 5.4), (58.0, 5.1), (53.7, 4.4))),
)
# Width and thickness by segment; no source gives both for every bone.
SECTION_MM = {
    "distal phalanx": (4.5, 3.6),
    "middle phalanx": (7.0, 4.3),
    "proximal phalanx": (8.6, 5.7),
    "metacarpal": (8.0, 7.5),
}
JOINT_MM = 1.6


def adult_hand(rng: np.random.Generator, scale: float = 1.0, shorten: int = 0) -> np.ndarray:
    """Label the bones of a hand whose epiphyses have fused; ``shorten`` halves one of them."""
    labels = np.zeros((240, 170, 40), np.uint8)
    lateral, depth = np.ogrid[: labels.shape[1], : labels.shape[2]]
    for ray in range(1, 6):
        place_mm = 186.0  # the bases of the metacarpals, in one row
        for segment, lengths in reversed(LENGTHS_MM):
            if lengths[ray - 1] is None:
                continue
            mean_mm, deviation_mm = lengths[ray - 1]
            length_mm = scale * (mean_mm + deviation_mm * rng.uniform(-1, 1))
            width_mm, thickness_mm = (
                scale * mm * rng.uniform(0.93, 1.07) for mm in SECTION_MM[segment]
            )
            value = label_values(ray, segment)[0]
            kept_mm = length_mm / 2 if value == shorten else length_mm
            across = (lateral * SPACING_MM[1] - 18 * ray) / (width_mm / 2)
            down = (depth * SPACING_MM[2] - 12) / (thickness_mm / 2)
            first, last = (int(mm / SPACING_MM[0]) for mm in (place_mm - kept_mm, place_mm))
            labels[first:last, across**2 + down**2 <= 1] = value
            place_mm -= length_mm + JOINT_MM
    return labels


def sizes_of(report: QualityReport) -> list[tuple[int, ...]]:
    return [f.structures for f in report.findings if f.kind in ("size", "scale", "unlike a hand")]


@pytest.mark.parametrize("seed", range(4))
def test_hands_of_published_lengths_are_hands(seed: int) -> None:
    labels = adult_hand(np.random.default_rng(seed))
    report = check_segmentation(labels, SPACING_MM, HAND)
    assert not report.is_no_hand
    assert report.verdict < Severity.BAD, report.text()
    mirrored = check_segmentation(labels[::-1], SPACING_MM, HAND)  # scanned from the wrist
    assert mirrored.verdict == report.verdict


@pytest.mark.parametrize("bone", [14, 19, 27])
def test_a_bone_of_half_its_length_is_named(bone: int) -> None:
    labels = adult_hand(np.random.default_rng(5), shorten=bone)
    assert (bone,) in sizes_of(check_segmentation(labels, SPACING_MM, HAND))


def test_a_hand_a_quarter_of_its_size_has_an_impossible_scale() -> None:
    labels = adult_hand(np.random.default_rng(6))
    report = check_segmentation(labels, tuple(mm / 4 for mm in SPACING_MM), HAND)
    assert () in sizes_of(report)
