import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from pydantic import ValidationError

from amcnet.data.augmentation import Augmentation, augment

SEEDS = st.integers(0, 2**32 - 1)
NO_GREY = {"gain": 0, "offset": 0, "gamma": 0, "noise": 0}
MIRROR = Augmentation(mirror_probability=1, spatial_probability=0, **NO_GREY)
MOVE = Augmentation(mirror_probability=0, spatial_probability=1, **NO_GREY)
GREY = Augmentation(mirror_probability=0, spatial_probability=0)


def window(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = default_rng(seed)
    image = rng.normal(size=(6, 20, 14)).astype(np.float32)
    return image, rng.choice([0, 3, 7, 38], image.shape).astype(np.uint8)


def block() -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros((16, 48, 40), np.uint8)
    labels[4:13, 10:34, 12:30] = 5
    return (labels > 0).astype(np.float32), labels


def test_mirror_flips_image_and_labels_laterally():
    image, labels = window()
    mirrored, mirrored_labels = augment(image, labels, MIRROR, default_rng(0))
    np.testing.assert_allclose(mirrored, np.flip(image, axis=1), atol=1e-5)
    np.testing.assert_array_equal(mirrored_labels, np.flip(labels, axis=1))


def test_nothing_changes_where_nothing_is_asked_for():
    image, labels = window()
    nothing = Augmentation(mirror_probability=0, spatial_probability=0, **NO_GREY)
    same, same_labels = augment(image, labels, nothing, default_rng(0))
    np.testing.assert_allclose(same, image, atol=1e-5)
    np.testing.assert_array_equal(same_labels, labels)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_shape_and_type_are_kept_and_no_label_is_invented(seed):
    image, labels = window(seed)
    changed, changed_labels = augment(image, labels, Augmentation(), default_rng(seed))
    assert changed.shape == changed_labels.shape == image.shape
    assert (changed.dtype, changed_labels.dtype) == (np.float32, np.uint8)
    assert np.isfinite(changed).all()
    assert set(np.unique(changed_labels)) <= {0, *np.unique(labels)}


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_scan_and_depth_are_never_mirrored(seed):
    scan, depth = (np.arange(n, dtype=np.float32) for n in (8, 24))
    settings = Augmentation(spatial_probability=1, mirror_probability=0.5, noise=0)
    for ramp, axis in ((scan[:, None, None], 0), (depth[None, None, :], 2)):
        image = np.ascontiguousarray(np.broadcast_to(ramp, (8, 30, 24)))
        labels = (image > ramp.mean()).astype(np.uint8)
        changed, changed_labels = augment(image, labels, settings, default_rng(seed))
        half = image.shape[axis] // 2
        first, second = np.split(changed, [half], axis=axis)
        assert second.mean() > first.mean()
        first, second = np.split(changed_labels, [half], axis=axis)
        assert second.mean() > first.mean()


def test_lateral_axis_is_mirrored_about_half_of_the_time():
    ramp = np.ascontiguousarray(
        np.broadcast_to(np.arange(30, dtype=np.float32)[None, :, None], (2, 30, 4))
    )
    labels = np.zeros(ramp.shape, np.uint8)
    rng = default_rng(0)
    settings = Augmentation(spatial_probability=0)
    changed = [augment(ramp, labels, settings, rng)[0] for _ in range(200)]
    flipped = [image[:, 20:].mean() < image[:, :10].mean() for image in changed]
    assert 0.4 < np.mean(flipped) < 0.6


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_image_and_labels_move_together(seed):
    image, labels = block()
    moved, moved_labels = augment(image, labels, MOVE, default_rng(seed))
    bright = moved > 0.5
    overlap = 2 * np.sum(bright & (moved_labels == 5)) / (bright.sum() + (moved_labels == 5).sum())
    assert overlap > 0.9


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_moves_stay_within_their_ranges(seed):
    image, labels = block()
    moved = augment(image, labels, MOVE, default_rng(seed))[1]
    positions = [np.argwhere(array == 5) for array in (labels, moved)]
    shift = np.abs(positions[1].mean(axis=0) - positions[0].mean(axis=0))
    # The block lies near the middle: scale and rotation hardly add to the shift.
    assert np.all(shift <= 0.06 * np.array(labels.shape) * (0, 1, 1) + 1.0)
    growth = len(positions[1]) / len(positions[0])
    assert 0.9**3 * 0.85 < growth < 1.1**3 * 1.15


def test_scale_shrinks_and_enlarges_about_the_middle():
    image, labels = block()
    only_scale = {"rotation_deg": 0, "shift": 0, "scale": 0.3}
    settings = MOVE.model_copy(update=only_scale)
    ratios = []
    for seed in range(40):
        moved = augment(image, labels, settings, default_rng(seed))[1]
        extents = [np.ptp(along) + 1 for along in np.nonzero(moved)]
        ratios.append(np.array(extents) / (9, 24, 18))
    assert np.all((np.array(ratios) > 0.6) & (np.array(ratios) < 1.45))
    assert np.min(ratios) < 0.85
    assert np.max(ratios) > 1.15


def test_grey_changes_leave_labels_alone_and_keep_the_order_of_greys():
    image, labels = window()
    settings = GREY.model_copy(update={"noise": 0.0})
    changed, same = augment(image, labels, settings, default_rng(1))
    np.testing.assert_array_equal(same, labels)
    assert not np.allclose(changed, image)
    np.testing.assert_array_equal(np.argsort(changed.ravel()), np.argsort(image.ravel()))


def test_constant_image_stays_finite():
    image = np.full((3, 5, 4), 2.0, np.float32)
    changed, _ = augment(image, np.zeros(image.shape, np.uint8), GREY, default_rng(0))
    assert np.isfinite(changed).all()


def test_input_is_left_alone():
    image, labels = window()
    before = image.copy(), labels.copy()
    for seed in range(6):
        augment(image, labels, Augmentation(), default_rng(seed))
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(labels, before[1])


@pytest.mark.parametrize(
    "settings",
    [{"mirror_probability": 1.5}, {"scale": 1}, {"noise": -0.1}, {"mirror_scan": 0.5}],
)
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        Augmentation(**settings)
