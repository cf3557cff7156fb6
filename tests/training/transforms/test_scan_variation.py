import pytest
import torch

from amcnet.training.transforms.pipeline import augment_batch
from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.scan_variation import (
    gain_curve,
    recluster,
    remove_water,
    sector,
    vary_scan,
)
from amcnet.training.transforms.settings import AugmentationConfig

CPU = torch.device("cpu")
SPACING = (1.0, 1.5, 0.8)


def hand() -> tuple[torch.Tensor, torch.Tensor]:
    """Dark water over bright tissue with a darker bone in it."""
    image = torch.full((1, 20, 30, 40), -1.0)
    image[..., 12:] = 1.0
    labels = torch.zeros(20, 30, 40, dtype=torch.uint8)
    labels[5:15, 10:20, 18:26] = 3
    image[0][labels > 0] = 0.0
    return image + 0.01 * torch.randn(
        image.shape, generator=torch.Generator().manual_seed(0)
    ), labels


@pytest.mark.parametrize("seed", range(5))
def test_clusters_get_other_intensities_and_keep_their_borders(seed):
    image, _ = hand()
    new = recluster(image, WindowRandom(seed, CPU), SPACING)
    # Away from the borders, which the clusters blur by a millimetre.
    bone, tissue, water = new[0, 8:12, 13:17, 21:23], new[0, :, :, 32:], new[0, :, :, :6]
    assert not torch.allclose(new, image, atol=0.2)
    assert water.mean() < tissue.mean() + 0.05
    for region in (bone, tissue, water):  # still one intensity each
        assert (region - region.median()).abs().max() < 0.15


def test_water_goes_and_the_hand_stays_as_it_is():
    image, labels = hand()
    moved, moved_labels = remove_water(image, labels, 1.0)
    assert torch.equal(moved[..., :28], image[..., 12:])
    assert torch.equal(moved_labels[..., :28], labels[..., 12:])
    assert not moved_labels[..., 28:].any()
    assert (moved[0, :, :, 0] > 0.5).all()
    half, _ = remove_water(image, labels, 0.5)
    assert torch.equal(half[..., :34], image[..., 6:])


def test_a_window_without_water_stays():
    image, labels = hand()
    full, full_labels = image[..., 12:], labels[..., 12:]
    moved, moved_labels = remove_water(full, full_labels, 1.0)
    assert torch.equal(moved, full)
    assert torch.equal(moved_labels, full_labels)


def test_a_gain_curve_depends_on_the_depth_alone_and_keeps_black():
    image, _ = hand()
    new = gain_curve(image, WindowRandom(1, CPU))
    darkest = image.min()
    factor = ((new - darkest) / (image - darkest).clamp_min(1e-3))[0, :, :, 14:]
    assert (factor - factor.mean(dim=(0, 1))).abs().max() < 1e-3
    assert factor.std() > 0.01
    assert new.min() == pytest.approx(float(darkest), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_a_sector_widens_with_depth_and_hides_what_lies_outside(seed):
    image, labels = torch.ones(1, 6, 60, 40), torch.ones(6, 60, 40, dtype=torch.uint8)
    image[..., 0, 0, 0] = -2
    new, new_labels = sector(image, labels, WindowRandom(seed, CPU), SPACING)
    width = (new[0, 3] == 1).sum(dim=0)
    assert (width.diff() >= 0).all()
    assert 0 < width[0] < 60
    assert torch.equal(new_labels == 0, new[0] == -2)


def test_the_pipeline_uses_it_only_when_asked():
    image, labels = hand()
    still = AugmentationConfig(
        mirror_probability=0, spatial_probability=0, speckle=0, shadow_probability=0, gamma=0,
        contrast=0, gain=0, offset=0, noise=0,
    )  # fmt: skip
    plain, _ = augment_batch(image[None], labels[None], still, [4], SPACING)
    torch.testing.assert_close(plain[0], image)
    always = still.model_copy(update={"scan_variation_probability": 1.0})
    seeds = range(8)
    varied = [augment_batch(image[None], labels[None], always, [s], SPACING)[0] for s in seeds]
    assert sum(not torch.equal(one[0], image) for one in varied) >= 6
    again, _ = augment_batch(image[None], labels[None], always, [3], SPACING)
    assert torch.equal(again, varied[3])


def test_everything_stays_finite_and_in_shape():
    for seed in range(10):
        image, labels = hand()
        new, new_labels = vary_scan(image, labels, WindowRandom(seed, CPU), SPACING)
        assert new.shape == image.shape
        assert new_labels.shape == labels.shape
        assert new.isfinite().all()
        assert set(new_labels.unique().tolist()) <= {0, 3}
