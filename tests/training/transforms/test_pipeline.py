import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amcnet.anatomy import IGNORE
from amcnet.errors import InputError
from amcnet.training.transforms.pipeline import augment_batch
from amcnet.training.transforms.settings import AugmentationConfig

SPACING = (0.8, 1.3, 0.5)
SEEDS = st.integers(0, 2**40)
NO_MOVE = {"mirror_probability": 0, "spatial_probability": 0}
NO_GREY = {
    "gain": 0, "offset": 0, "gamma": 0, "contrast": 0, "speckle": 0, "noise": 0,
    "shadow_probability": 0,
}  # fmt: skip
MOVE = AugmentationConfig(mirror_probability=0.5, spatial_probability=1, **NO_GREY)
ALL = AugmentationConfig(spatial_probability=1, shadow_probability=1)


def windows(count: int = 1, channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    image = torch.randn(count, channels, 6, 20, 14, generator=generator)
    values = torch.tensor([0, 3, 7, 38, IGNORE], dtype=torch.uint8)
    return image, values[torch.randint(5, (count, 6, 20, 14), generator=generator)]


def test_nothing_changes_where_nothing_is_asked_for():
    image, labels = windows(2)
    same, same_labels = augment_batch(
        image, labels, AugmentationConfig(**NO_MOVE, **NO_GREY), (0, 1), SPACING
    )
    assert torch.equal(same, image)
    assert torch.equal(same_labels, labels)
    still = {"rotation_deg": 0, "scale": 0, "shift": 0, "elastic_mm": 0}
    settings = AugmentationConfig(mirror_probability=0, spatial_probability=1, **still, **NO_GREY)
    assert torch.equal(augment_batch(image, labels, settings, (0, 1), SPACING)[0], image)


@pytest.mark.parametrize(("name", "axis"), [("scan", 2), ("lateral", 3), ("depth", 4)])
def test_mirror_flips_image_and_labels_along_the_named_axis_only(name, axis):
    image, labels = windows(2, channels=3)
    settings = AugmentationConfig(
        mirror_probability=1, mirror_axes=(name,), spatial_probability=0, **NO_GREY
    )
    mirrored, mirrored_labels = augment_batch(image, labels, settings, (5, 6), SPACING)
    assert torch.equal(mirrored, image.flip(axis))
    assert torch.equal(mirrored_labels, labels.flip(axis - 1))


def test_about_half_of_the_windows_are_mirrored():
    image = torch.arange(30.0).view(1, 1, 1, 30, 1).expand(200, 1, 1, 30, 1)
    labels = torch.zeros(200, 1, 30, 1, dtype=torch.uint8)
    settings = AugmentationConfig(spatial_probability=0, **NO_GREY)
    changed, _ = augment_batch(image, labels, settings, range(200), SPACING)
    assert 80 < (changed[:, 0, 0, 0, 0] == 29).sum() < 120


def test_seeds_decide_whatever_else_is_in_the_batch():
    image, labels = windows(3)
    together = augment_batch(image, labels, ALL, (11, 12, 13), SPACING)
    for order in ([1], [2, 1], [1, 0, 2]):
        seeds = [11 + index for index in order]
        changed = augment_batch(image[order], labels[order], ALL, seeds, SPACING)
        at = order.index(1)
        assert torch.equal(changed[0][at], together[0][1])
        assert torch.equal(changed[1][at], together[1][1])
    other, _ = augment_batch(image, labels, ALL, (11, 14, 13), SPACING)
    assert not torch.equal(other[1], together[0][1])


def test_the_global_generator_is_left_alone():
    image, labels = windows()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    augment_batch(image, labels, ALL, (1,), SPACING)
    assert torch.equal(torch.rand(1), expected)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_shape_and_dtype_are_kept_and_no_label_is_invented(seed):
    image, labels = windows(1, channels=2)
    before = image.clone(), labels.clone()
    changed, changed_labels = augment_batch(image, labels, ALL, (seed,), SPACING)
    assert changed.shape == image.shape
    assert changed_labels.shape == labels.shape
    assert (changed.dtype, changed_labels.dtype) == (torch.float32, torch.uint8)
    assert torch.isfinite(changed).all()
    assert set(changed_labels.unique().tolist()) <= {0, 3, 7, 38, IGNORE}
    assert torch.equal(image, before[0])
    assert torch.equal(labels, before[1])


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_image_and_labels_move_together(seed):
    labels = torch.zeros(1, 16, 48, 60, dtype=torch.uint8)
    labels[:, 4:13, 10:34, 15:45] = 5
    labels[:, 6:9, 14:20, 20:30] = IGNORE
    image = torch.stack((labels.float(), -labels.float()), dim=1)
    moved, moved_labels = augment_batch(image, labels, MOVE, (seed,), SPACING)
    torch.testing.assert_close(moved[:, 1], -moved[:, 0])
    bright = (moved[:, 0] > IGNORE / 2) == (moved_labels == IGNORE)
    some = (moved[:, 0] > 2.5) == (moved_labels > 0)
    # The image goes on at its border where labels become background, but the block is inside.
    assert bright.float().mean() > 0.98
    assert some.float().mean() > 0.95


def test_labels_to_ignore_stay_so_and_outside_is_background():
    labels = torch.full((1, 8, 30, 30), IGNORE, dtype=torch.uint8)
    settings = AugmentationConfig(mirror_probability=0, spatial_probability=1, shift=0.4, **NO_GREY)
    moved = augment_batch(labels[:, None].float(), labels, settings, (4,), SPACING)[1]
    assert set(moved.unique().tolist()) == {0, IGNORE}


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_grey_changes_leave_labels_alone(seed):
    image, labels = windows()
    settings = AugmentationConfig(**NO_MOVE, shadow_probability=1)
    changed, same = augment_batch(image, labels, settings, (seed,), SPACING)
    assert torch.equal(same, labels)
    assert not torch.allclose(changed, image)


def test_no_gradient_is_kept_and_half_precision_stays():
    image, labels = windows()
    changed, _ = augment_batch(image.half().requires_grad_(True), labels, ALL, (0,), SPACING)
    assert changed.dtype == torch.float16
    assert not changed.requires_grad


def test_autocast_changes_nothing():
    image, labels = windows()
    plain, _ = augment_batch(image, labels, ALL, (0,), SPACING)
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = augment_batch(image, labels, ALL, (0,), SPACING)
    assert torch.equal(plain, cast)


def test_what_does_not_fit_is_refused():
    image, labels = windows(2)
    with pytest.raises(InputError, match="found 1 seeds, expected 2"):
        augment_batch(image, labels, ALL, (0,), SPACING)
    with pytest.raises(InputError, match=r"\(1, 6, 20, 14\), expected \(2, 6, 20, 14\)"):
        augment_batch(image, labels[:1], ALL, (0, 1), SPACING)
