import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from studies import phantom_statistics as statistics
from tools import phantom_pictures as pictures


def test_percentiles_and_moments_of_counts_are_those_of_the_values():
    values = np.random.default_rng(0).integers(0, 256, 10_001)
    counts = np.bincount(values, minlength=256)
    for percent in (25, 50, 75, 90):
        assert statistics.percentile(counts, percent) == np.percentile(values, percent)
    assert statistics.moments(counts) == pytest.approx((values.mean(), values.std()))


def test_no_voxels_have_no_percentile():
    assert np.isnan(statistics.percentile(np.zeros(256, int), 50))
    assert np.isnan(statistics.moments(np.zeros(256, int))).all()


def test_slices_with_few_structures_do_not_count():
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[1, 0, :5] = range(1, 6)
    labels[2, 0, :4] = range(1, 5)
    assert statistics.chosen_slices(labels) == [1]


def test_the_slice_shows_as_many_of_the_structures_as_possible():
    labels = np.zeros((9, 8, 8), np.uint8)
    labels[2:8, :2, :2] = 3
    labels[4:7, 4:6, :2] = 5
    assert pictures.slice_with(labels, [3, 5, 7]) == 5


def test_from_above_the_first_label_along_depth_is_seen():
    labels = np.zeros((1, 2, 6), np.uint8)
    labels[0, 0, 2:4], labels[0, 0, 4:] = 7, 9
    assert pictures.first_labels(labels).tolist() == [[7, 0]]


def test_labels_have_their_colours_and_opaque_outlines():
    table = hand_label_table()
    plane = np.zeros((7, 7), np.uint8)
    plane[1:6, 1:6] = 4
    picture = pictures.overlay(plane, table, fill=0.5)
    assert picture[3, 3, :3] * 255 == pytest.approx(table[4].color_rgb)
    assert (picture[0, 0, 3], picture[1, 1, 3], picture[3, 3, 3]) == (0, 1, 0.5)


def test_the_colours_of_a_picture_fit_a_palette():
    assert len(pictures.label_colours(hand_label_table())) <= 3 * 256
    assert len(pictures.change_colours()) <= 3 * 256


def test_a_change_is_tinted_by_its_direction():
    whole = np.full((40, 80), 100, np.uint8)
    other = whole.copy()
    other[:10], other[30:] = 20, 180
    tint = pictures.tinted_change(whole, other, pictures.NETWORK_GRID)
    assert tint[2, 40, :3] * 255 == pytest.approx(pictures.ADDED)
    assert tint[37, 40, :3] * 255 == pytest.approx(pictures.TAKEN)
    assert tint[20, 40, 3] == 0
