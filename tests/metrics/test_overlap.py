import numpy as np
import pytest

from amcnet.errors import InputError
from amcnet.metrics import confusion_matrix, overlap_by_structure, pooled_overlap


def test_confusion_matrix_equals_a_plain_count():
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 5, (7, 6, 5), dtype=np.uint8)
    prediction = rng.integers(0, 5, (7, 6, 5), dtype=np.int64)
    expected = np.zeros((5, 5), dtype=np.int64)
    np.add.at(expected, (reference.ravel(), prediction.ravel()), 1)
    np.testing.assert_array_equal(confusion_matrix(reference, prediction, 5), expected)


@pytest.mark.parametrize("num_classes", [2, 16, 17, 39, 300])
def test_confusion_matrix_keeps_the_largest_code(num_classes):
    largest = np.full((2, 2, 2), num_classes - 1, dtype=np.uint16)
    counts = confusion_matrix(largest, largest, num_classes)
    assert counts[-1, -1] == counts.sum() == 8


def test_confusion_matrix_is_the_same_in_many_slabs(monkeypatch):
    rng = np.random.default_rng(1)
    reference, prediction = rng.integers(0, 4, (2, 11, 6, 5), dtype=np.uint8)
    whole = confusion_matrix(reference, prediction, 4)
    monkeypatch.setattr("amcnet.metrics.overlap._SLAB_VOXELS", 60)
    np.testing.assert_array_equal(confusion_matrix(reference, prediction, 4), whole)


def test_half_shifted_cube_has_known_overlaps():
    reference = np.zeros((4, 4, 8), dtype=np.uint8)
    prediction = reference.copy()
    reference[:, :, 0:4] = 1
    prediction[:, :, 2:6] = 1
    overlap = overlap_by_structure(confusion_matrix(reference, prediction, 2))[1]
    assert overlap.dice == overlap.f1 == 0.5
    assert overlap.jaccard == pytest.approx(1 / 3)
    assert overlap.recall == overlap.precision == 0.5
    assert overlap.reference_voxels == overlap.prediction_voxels == 64


def test_missed_invented_and_absent_structures():
    reference = np.array([[[1, 1, 0, 0]]])
    prediction = np.array([[[0, 0, 2, 0]]])
    missed, invented, absent = overlap_by_structure(
        confusion_matrix(reference, prediction, 4)
    ).values()
    for overlap in (missed, invented):
        assert (overlap.dice, overlap.jaccard, overlap.recall, overlap.precision) == (0, 0, 0, 0)
    assert (missed.reference_voxels, missed.prediction_voxels) == (2, 0)
    assert (invented.reference_voxels, invented.prediction_voxels) == (0, 1)
    assert (absent.dice, absent.jaccard, absent.recall, absent.precision) == (None,) * 4


def test_pooled_overlap_asks_for_the_class_or_not():
    reference = np.array([[[1, 1, 2, 2, 0, 0]]])
    prediction = np.array([[[1, 2, 2, 2, 2, 0]]])
    pooled = pooled_overlap(confusion_matrix(reference, prediction, 3))
    assert pooled.dice_foreground == pytest.approx(2 * 3 / 9)
    assert pooled.jaccard_foreground == pytest.approx(3 / 6)
    assert pooled.dice_binary == pytest.approx(2 * 4 / 9)
    assert pooled.jaccard_binary == pytest.approx(4 / 5)


def test_pooled_overlap_of_background_alone_does_not_exist():
    empty = np.zeros((2, 2, 2), dtype=np.uint8)
    pooled = pooled_overlap(confusion_matrix(empty, empty, 3))
    assert pooled.dice_foreground is None
    assert pooled.jaccard_binary is None


@pytest.mark.parametrize(
    ("reference", "prediction", "num_classes", "message"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), 2, r"shape \(2, 3\).*\(2, 2\)"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), 2, "reference holds values of type float64"),
        (np.zeros((2, 2), int), np.zeros((2, 2), bool), 2, "prediction holds values of type bool"),
        (np.full((2, 2), -1), np.zeros((2, 2), int), 2, "reference holds the label -1"),
        (np.zeros((2, 2), int), np.full((2, 2), 2), 2, "prediction holds the label 2.*0 to 1"),
        (np.zeros((2, 2), int), np.zeros((2, 2), int), 1, "num_classes is 1"),
    ],
)
def test_unusable_inputs_are_named(reference, prediction, num_classes, message):
    with pytest.raises(InputError, match=message):
        confusion_matrix(reference, prediction, num_classes)
