from collections import Counter
from dataclasses import replace

import numpy as np
import torch

from amcnet.training.refinement.patches import (
    BoundaryPatches,
    PatchOptions,
    RefinementCase,
    collate_patches,
)
from amcnet.training.transforms.settings import AugmentationConfig

from .conftest import SPACING_MM, TABLE

OPTIONS = PatchOptions((16, 16, 16), 0.0, 0.0, None, SPACING_MM, seed=7)
Cases = tuple[RefinementCase, ...]


def test_a_patch_is_the_same_every_time_and_another_one_differs(cases: Cases) -> None:
    options = replace(OPTIONS, damaged_share=0.5, augmentation=AugmentationConfig())
    first, again = (BoundaryPatches(cases, TABLE, options) for _ in range(2))
    for index in range(6):
        for one, other in zip(first[index], again[index], strict=True):
            assert torch.equal(one, other)
    assert not torch.equal(first[0].patch, first[1].patch)


def test_image_and_kinds_belong_together(cases: Cases) -> None:
    patches = BoundaryPatches(cases, TABLE, OPTIONS)
    for index in range(10):
        patch, kinds = patches[index]
        assert patch.shape == (3, 16, 16, 16)
        levels = torch.tensor([0.0, 1.5, -1.5])[kinds]
        assert (patch[0] - levels).abs().mean() < 0.3
        assert set(patch[1:].unique().tolist()) <= {0.0, 1.0}
        assert patch[1:].sum(dim=0).max() <= 1


def test_mirrors_move_image_and_kinds_alike_but_never_the_depth(cases: Cases) -> None:
    plain = BoundaryPatches(cases, TABLE, OPTIONS)
    still = dict.fromkeys(("speckle", "gamma", "contrast", "gain", "offset", "noise"), 0.0)
    always = AugmentationConfig(
        mirror_probability=1, mirror_axes=("lateral", "scan"), shadow_probability=0, **still
    )
    mirrored = BoundaryPatches(cases, TABLE, replace(OPTIONS, augmentation=always))
    for index in range(4):
        expected = plain[index].patch.flip(1, 2)
        torch.testing.assert_close(mirrored[index].patch, expected)
        assert torch.equal(mirrored[index].kinds, plain[index].kinds.flip(0, 1))


def test_synthetic_images_replace_the_intensities_but_keep_the_bones_in_place(cases: Cases) -> None:
    plain = BoundaryPatches(cases, TABLE, OPTIONS)
    off = dict.fromkeys(("speckle", "gamma", "contrast", "gain", "offset", "noise"), 0.0)
    still = AugmentationConfig(mirror_probability=0, shadow_probability=0, **off)
    for option in ("label_to_image_probability", "scan_variation_probability"):
        other = still.model_copy(update={option: 1.0})
        changed = BoundaryPatches(cases, TABLE, replace(OPTIONS, augmentation=other))
        for index in range(4):
            assert torch.equal(changed[index].kinds, plain[index].kinds)
            assert torch.equal(changed[index].patch[1:], plain[index].patch[1:])
            assert changed[index].patch[0].isfinite().all()
            assert not torch.allclose(changed[index].patch[0], plain[index].patch[0], atol=0.1)


def test_kinds_are_drawn_equally_often_however_small(cases: Cases) -> None:
    patches = BoundaryPatches(cases, TABLE, OPTIONS)
    rng = np.random.default_rng(0)
    _, centres = patches._cases[0]
    of_place = {tuple(row[1:]): row[0] for row in centres.tolist()}
    drawn = Counter(of_place[tuple(patches._centre(centres, rng).tolist())] for _ in range(800))
    assert 0.4 < drawn[3] / 800 < 0.6
    assert abs(drawn[1] - drawn[2]) < 100


def test_damaged_truth_is_used_as_often_as_asked(cases: Cases) -> None:
    real = BoundaryPatches(cases, TABLE, OPTIONS)
    made = BoundaryPatches(cases, TABLE, replace(OPTIONS, damaged_share=1.0))
    assert not torch.equal(real[0].patch[1:], made[0].patch[1:])
    assert torch.equal(real[0].kinds, made[0].kinds)


def test_a_volume_smaller_than_a_patch_repeats_its_border(cases: Cases) -> None:
    patches = BoundaryPatches(cases, TABLE, replace(OPTIONS, shape=(32, 32, 40)))
    batch = collate_patches([patches[0], patches[1]])
    assert batch.patch.shape == (2, 3, 32, 32, 40)
    assert torch.equal(batch.kinds[:, 23], batch.kinds[:, 31])
