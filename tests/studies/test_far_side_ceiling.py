import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure
from studies.far_side_ceiling import (
    Columns,
    columns_of_hand,
    dice_of,
    distance_across,
    predicted,
    ridge,
)

SPACING_MM = (0.5, 0.4, 0.2)
TABLE = LabelTable(
    (Structure(1, "a", "bone", neighbours=(2,)), Structure(2, "b", "epiphysis", neighbours=(1,)))
)


def tubes(half_width_mm: float, half_thickness_mm: float) -> np.ndarray:
    """Two elliptic tubes one after the other along the scan, (scan, lateral, depth)."""
    shape = (40, 60, 80)
    labels = np.zeros(shape, np.uint8)
    across, down = (
        (np.arange(n) - n / 2) * mm for n, mm in zip(shape[1:], SPACING_MM[1:], strict=True)
    )
    radius = (across[:, None] / half_width_mm) ** 2 + (down / half_thickness_mm) ** 2
    labels[4:28, radius < 1] = 1
    labels[30:36, radius < 0.8] = 2
    return labels


def test_columns_are_those_of_the_labels() -> None:
    labels = tubes(8, 5)
    columns = columns_of_hand(labels, SPACING_MM, TABLE)
    assert sorted(columns) == [1, 2]
    for value, part in columns.items():
        voxels = part.thickness_mm / part.spacing_mm
        assert voxels.sum() == pytest.approx(np.count_nonzero(labels == value), rel=1e-5)
        assert len(part.features) == np.count_nonzero((labels == value).any(axis=2))
        assert np.isfinite(part.features).all()


def test_the_far_side_of_similar_tubes_is_predicted_from_the_near_one() -> None:
    known = [columns_of_hand(tubes(w, 0.6 * w), SPACING_MM, TABLE)[1] for w in (6, 7, 9, 10)]
    model = ridge(
        np.concatenate([part.features for part in known]),
        np.concatenate([part.thickness_mm for part in known]),
    )
    new = columns_of_hand(tubes(8, 4.8), SPACING_MM, TABLE)[1]
    found = predicted(model, new.features)
    spread = np.abs(new.thickness_mm - new.thickness_mm.mean()).mean()
    assert np.abs(found - new.thickness_mm).mean() < 0.25 * spread
    assert dice_of(new, found) > 0.96


def test_ridge_finds_a_linear_rule() -> None:
    features = np.random.default_rng(0).normal(size=(500, 3))
    target = 2 + features @ np.array([1.0, -0.5, 0.0])
    np.testing.assert_allclose(predicted(ridge(features, target), features), target, atol=0.02)


def test_dice_is_that_of_the_voxels() -> None:
    columns = Columns(np.zeros((2, 1)), np.array([2.0, 4.0]), 0.5)
    assert dice_of(columns, columns.thickness_mm) == 1
    # 4 and 8 voxels against 2 and 8.
    assert dice_of(columns, np.array([1.0, 4.0])) == pytest.approx(2 * 10 / (12 + 10))


def test_distance_across_is_that_of_each_row() -> None:
    seen = np.zeros((2, 7), bool)
    seen[0, 1:6] = True
    assert distance_across(seen, 2.0).tolist() == [[0, 2, 4, 6, 4, 2, 0], [0] * 7]
