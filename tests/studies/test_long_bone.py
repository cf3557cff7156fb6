import numpy as np
import pytest
from scipy.ndimage import label

from studies import long_bone


@pytest.fixture(scope="module")
def scan():
    return long_bone.draw_stack(1)


def test_a_stack_shows_one_bone_inside_the_volume(scan) -> None:
    _, count = label(scan.labels)
    assert count == 1
    for axis in range(3):
        ends = np.take(scan.labels, [0, -1], axis=axis)
        assert not ends.any()


def test_the_bone_is_bright_on_top_and_dark_below(scan) -> None:
    top = scan.labels.argmax(axis=2)
    scan_at, lateral_at = np.nonzero(scan.labels.any(axis=2))
    middle = np.abs(lateral_at - np.median(lateral_at)) < 5
    scan_at, lateral_at = scan_at[middle], lateral_at[middle]
    surface = scan.image[scan_at, lateral_at, top[scan_at, lateral_at]]
    shadow = scan.image[scan_at, lateral_at, -5]
    water = scan.image[scan_at, lateral_at, 3]
    assert surface.mean() > 2 * water.mean() > 2 * shadow.mean()


def test_stacks_differ_and_repeat(scan) -> None:
    again, other = long_bone.draw_stack(1), long_bone.draw_stack(2)
    np.testing.assert_array_equal(again.image, scan.image)
    assert other.spacing_mm != scan.spacing_mm
