import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from amcnet.training.transforms.intensity import shadow_field, speckle_field, transform_intensity
from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.settings import AugmentationConfig

CPU = torch.device("cpu")
SPACING = (0.8, 1.3, 0.5)
SHAPE = (12, 60, 80)
SEEDS = st.integers(0, 2**32)
OFF = dict.fromkeys(("gain", "offset", "gamma", "contrast", "speckle", "noise", "shadow"), 0.0)


def change(image: torch.Tensor, seed: int = 0, **strengths: float) -> torch.Tensor:
    strengths = {"shadow_probability": 1.0, **OFF, **strengths}
    return transform_intensity(
        image, AugmentationConfig(**strengths), WindowRandom(seed, CPU), SPACING
    )


def window(seed: int = 0, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(channels, *SHAPE, generator=generator)


def test_nothing_changes_where_nothing_is_asked_for():
    assert torch.equal(change(window()), window())


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_shadow_only_darkens_and_never_below_the_darkest(seed):
    image = window(seed, channels=2)
    shadowed = change(image, seed, shadow=1)
    assert torch.all(shadowed <= image + 1e-5)
    assert torch.all(shadowed >= image.amin(dim=(1, 2, 3), keepdim=True) - 1e-5)
    assert (image - shadowed).max() > 0.1


@given(SEEDS, st.floats(0.1, 1))
@settings(max_examples=20, deadline=None)
def test_shadow_deepens_along_the_beam_and_is_a_soft_band(seed, strength):
    field = shadow_field(WindowRandom(seed, CPU), strength, SHAPE, SPACING)
    assert field.min() >= 1 - strength - 1e-6
    assert field.max() <= 1
    assert torch.all(field.diff(dim=2) <= 1e-6)  # once dark, it stays dark below
    assert torch.all(field[:, :, 0] == 1)  # no shadow at the probe
    # Soft: at an edge of 0.5 mm the slope of a sigmoid is at most 1 / (4 * 0.5) a millimetre.
    for axis in (0, 1):
        assert field.diff(dim=axis).abs().max() <= strength * SPACING[axis] / 2 + 1e-5
    dark = (1 - field).amax(dim=2) > 0.5 * (1 - field).max()
    slices, columns = dark.any(dim=1), dark.any(dim=0)
    for band in (slices, columns):  # one run each
        assert (band.int().diff() == 1).sum() <= 1
    assert slices.sum() >= 2
    assert columns.sum() * SPACING[1] <= 2 * 8 + 2 * SPACING[1]


def test_shadow_falls_as_often_as_asked_for():
    fallen = [
        not torch.equal(change(window(), seed, shadow=0.8, shadow_probability=0.3), window())
        for seed in range(100)
    ]
    assert 15 < sum(fallen) < 45


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_speckle_keeps_the_mean_and_has_the_deviation(seed):
    field = speckle_field(WindowRandom(seed, CPU), 0.3, SHAPE, SPACING)
    assert field.min() > 0
    assert field.mean().item() == pytest.approx(1, abs=1e-5)
    assert field.log().std().item() == pytest.approx(0.3, rel=0.1)
    image = window(seed).abs()
    changed = change(image, seed, speckle=0.3)
    assert changed.mean().item() == pytest.approx(image.mean().item(), rel=0.03)
    assert changed.min() >= image.min() - 1e-6


def test_speckle_has_patches_beside_grain():
    fine = (0.2, 0.2, 0.2)  # the patches are then 7 voxels wide
    field = speckle_field(WindowRandom(0, CPU), 0.3, SHAPE, fine).numpy()
    white = np.random.default_rng(0).normal(1, field.std(), SHAPE)
    assert gaussian_filter(field, 2).std() > 3 * gaussian_filter(white, 2).std()
    assert np.diff(field, axis=2).std() > 0.7 * field.std()


def test_order_of_greys_is_kept_by_all_but_noise():
    image = window()
    changed = change(image, 1, gamma=0.3, contrast=0.3, gain=0.3, offset=0.3)
    assert not torch.allclose(changed, image)
    order = image.flatten().argsort()
    assert changed.flatten()[order].diff().min() >= -1e-6


def test_gamma_keeps_the_darkest_and_the_brightest():
    changed = change(window(channels=2), 2, gamma=0.5)
    for extreme in (torch.amin, torch.amax):
        torch.testing.assert_close(extreme(changed, (1, 2, 3)), extreme(window(0, 2), (1, 2, 3)))


def test_contrast_keeps_the_mean_and_scales_about_it():
    image = window() + 3
    for seed in range(10):
        changed = change(image, seed, contrast=0.4)
        assert changed.mean().item() == pytest.approx(image.mean().item(), abs=1e-4)
        assert 0.6 <= (changed.std() / image.std()).item() <= 1.4


def test_gain_is_a_factor_and_offset_is_added():
    image = window()
    factor = change(image, 3, gain=0.4) / image
    assert (factor.max() - factor.min()).item() == pytest.approx(0, abs=1e-4)
    assert 0.6 <= factor.mean() <= 1.4
    added = change(image, 3, offset=0.4) - image
    assert added.std().item() == pytest.approx(0, abs=1e-5)
    assert 0 < added.mean().abs() <= 0.4


def test_noise_has_no_mean_and_differs_between_channels():
    image = torch.zeros(2, *SHAPE)
    strengths = [change(image, seed, noise=0.3).std().item() for seed in range(40)]
    assert max(strengths) <= 0.31
    assert max(strengths) - min(strengths) > 0.2
    noise = change(image, 0, noise=0.3)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert not torch.equal(noise[0], noise[1])


def test_constant_image_stays_finite():
    image = torch.full((1, 3, 5, 4), 2.0)
    for seed in range(10):
        settings = AugmentationConfig(shadow_probability=1)
        changed = transform_intensity(image, settings, WindowRandom(seed, CPU), SPACING)
        assert torch.isfinite(changed).all()


@given(SEEDS, st.floats(0.1, 1))
@settings(max_examples=20, deadline=None)
def test_tone_keeps_order_darkest_and_brightest(seed, strength):
    image = window(seed, channels=2)
    changed = change(image, seed, tone=strength)
    for before, after in zip(image, changed, strict=True):
        order = before.flatten().argsort()
        assert torch.all(after.flatten()[order].diff() >= -1e-5)
        assert after.min().item() == pytest.approx(before.min().item(), abs=1e-5)
        assert after.max().item() == pytest.approx(before.max().item(), abs=1e-5)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_shading_is_a_slow_factor_above_the_darkest(seed):
    image = window(seed)
    darkest = image.min()
    ratio = ((change(image, seed, shading=0.5) - darkest) / (image - darkest))[0]
    there = image[0] > darkest + 0.5
    assert ratio[there].log().abs().max() <= 0.5 + 1e-3
    slope = ratio.log().diff(dim=2)[there[:, :, 1:] & there[:, :, :-1]]
    assert slope.abs().max() <= 0.5 * 2 / 30 * SPACING[2] + 1e-3


def test_blur_smooths():
    image = window()
    seeds = range(10)
    assert all(change(image, seed, blur_mm=2.0).std() < image.std() for seed in seeds)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_greys_stay_finite_where_blur_rounds_below_the_darkest(seed):
    image = window(seed).clamp_min(-0.3) * 1.1  # much of it is as dark as it gets
    changed = change(image, seed, blur_mm=0.5, tone=0.7, gamma=0.35)
    assert torch.isfinite(changed).all()
