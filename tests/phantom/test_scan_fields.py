from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng

from amcnet.phantom import PhantomConfig, PhantomGrid
from amcnet.phantom.acoustics import Acoustics, draw_acoustics, without
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand_anatomy import Hand
from amcnet.phantom.scan_fields import ScanFields
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser

GRID = PhantomGrid((152, 128, 64), (1.116, 1.04, 0.704))
FINE = PhantomGrid((60, 150, 120), (0.3, 0.25, 0.15))


def hand_of(seed: int, grid: PhantomGrid) -> Hand:
    return draw_hand(default_rng(seed), PhantomConfig(grid))


def acoustics(seed: int = 0, **settings) -> Acoustics:
    return replace(draw_acoustics(default_rng(seed)), **settings)


def fields_of(grid: PhantomGrid, seed: int = 0, **settings) -> ScanFields:
    return ScanFields.draw(grid, acoustics(seed, **settings), default_rng(seed))


def texture_of(fields: ScanFields) -> np.ndarray:
    return np.stack([fields.texture_of(i) for i in range(fields.grid.shape[0])])


@pytest.mark.parametrize("grid", [GRID, FINE])
@pytest.mark.parametrize("contrast", [0.3, 0.7])
def test_texture_is_log_normal_about_one(grid, contrast):
    strength = texture_of(fields_of(grid, texture_mm=0.6, texture_contrast=contrast))
    assert strength.shape == grid.shape
    assert strength.min() > 0
    logarithm = np.log(strength)
    assert logarithm.mean() == pytest.approx(0, abs=0.2 * contrast)
    # Between its samples the texture is interpolated, and so a little smoother.
    assert 0.6 * contrast < logarithm.std() < 1.1 * contrast


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_texture_has_no_jumps(axis):
    strength = np.log(texture_of(fields_of(FINE, texture_mm=1.5, texture_contrast=0.5)))
    steps = np.diff(strength, axis=axis)
    assert np.abs(steps).max() < 8 * steps.std()
    lag = [slice(None)] * 3
    lag[axis] = slice(0, -1)
    ahead = [slice(None)] * 3
    ahead[axis] = slice(1, None)
    assert np.corrcoef(strength[tuple(lag)].ravel(), strength[tuple(ahead)].ravel())[0, 1] > 0.9


def test_coarser_texture_is_smoother():
    rough, smooth = (
        np.diff(np.log(texture_of(fields_of(FINE, texture_mm=mm, texture_contrast=0.5))), axis=1)
        for mm in (0.3, 2.0)
    )
    assert smooth.std() < 0.5 * rough.std()


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 5, 9), (200, 300, 3), (2, 3, 150)])
@pytest.mark.parametrize("spacing", [0.05, 0.5, 6.0])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_shape_of_grid_has_texture_and_patches(shape, spacing):
    fields = fields_of(PhantomGrid(shape, (spacing,) * 3))
    for index in (0, shape[0] - 1):
        plane = fields.texture_of(index)
        assert plane.shape == shape[1:]
        assert np.all(np.isfinite(plane) & (plane > 0))
    assert fields.patches.shape == shape[:2]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_patches_of_small_grids_are_ordinary_numbers():
    for shape in ((2, 2, 2), (3, 5, 9)):
        for spacing in (0.05, 0.2, 0.5):
            for seed in range(5):
                patches = fields_of(PhantomGrid(shape, (spacing,) * 3), seed).patches
                assert patches.max() < 50
                assert patches.min() > 0.02


@pytest.mark.parametrize("contrast", [0.3, 0.9])
def test_layers_are_log_normal_about_one(contrast):
    depths = -np.linspace(0, 59, 2000, dtype=np.float32)
    strength = np.log(fields_of(GRID, layer_contrast=contrast, layer_mm=0.5).layers_of(depths))
    assert strength.mean() == pytest.approx(0, abs=0.3 * contrast)
    assert strength.std() == pytest.approx(contrast, rel=0.1)
    # They are streaks along the skin of the length that was asked for, not white noise.
    assert np.abs(np.diff(strength)).max() < contrast


def test_layers_follow_the_skin_and_stop_at_it():
    fields = fields_of(GRID)
    distance = default_rng(0).uniform(-70, 30, (40, 30)).astype(np.float32)
    strength = fields.layers_of(distance)
    assert strength.shape == distance.shape
    assert np.unique(strength[distance > 0]).size == 1
    np.testing.assert_array_equal(fields.layers_of(distance[:, ::-1]), strength[:, ::-1])


def test_patches_are_log_normal_about_one():
    patches = np.log(fields_of(GRID, bone_patchiness=0.6).patches)
    assert patches.mean() == pytest.approx(0, abs=0.2)
    assert patches.std() == pytest.approx(0.6, rel=0.35)


def test_contrasts_of_zero_give_even_fields():
    a = without(acoustics(), "texture", "layers", "patchy bone")
    fields = ScanFields.draw(GRID, a, default_rng(0))
    np.testing.assert_array_equal(fields.texture_of(3), 1)
    np.testing.assert_array_equal(fields.layers, 1)
    np.testing.assert_array_equal(fields.patches, 1)


def test_a_term_that_is_switched_off_changes_no_other_field():
    whole = fields_of(GRID, 4)
    a = without(acoustics(4), "veins", "jitter", "patchy bone")
    bare = ScanFields.draw(GRID, a, default_rng(4))
    np.testing.assert_array_equal(bare.texture, whole.texture)
    np.testing.assert_array_equal(bare.layers, whole.layers)
    np.testing.assert_array_equal(bare.flicker_db, whole.flicker_db)
    assert len(bare.vein_radii_mm) == 0
    assert not bare.shift_mm.any()


@pytest.mark.parametrize("seed", range(5))
def test_slices_shift_by_no_more_than_the_jitter(seed):
    shift = fields_of(PhantomGrid((400, 8, 8), (0.3, 0.3, 0.3)), seed, jitter_mm=0.2).shift_mm
    assert shift.shape == (400, 2)
    assert np.abs(shift).max() <= 0.2 + 1e-6
    assert shift.std() == pytest.approx(0.1, abs=0.03)
    # A hand drifts: neighbouring slices move alike.
    assert np.corrcoef(shift[1:, 0], shift[:-1, 0])[0, 1] > 0.6


def test_flicker_stays_in_the_range_that_was_drawn():
    flicker = fields_of(PhantomGrid((2000, 2, 2), (0.3, 1, 1)), flicker_db=0.5).flicker_db
    assert np.abs(flicker).max() <= 0.5
    assert flicker.std() > 0.15
    assert flicker.mean() == pytest.approx(0, abs=0.05)


@pytest.fixture(scope="module", params=[0, 1, 2])
def carved(request) -> tuple[Slab, np.ndarray]:
    """A hand with many veins, and its tissue before they were carved."""
    slab = Voxeliser(hand_of(request.param, GRID), GRID).slab(0, GRID.shape[0])
    before = slab.tissue.copy()
    fields_of(GRID, request.param, vein_count=12).carve_veins(slab)
    return slab, before


def test_veins_replace_soft_tissue_only(carved):
    slab, before = carved
    changed = slab.tissue != before
    assert changed.any()
    assert np.all(slab.tissue[changed] == Tissue.BLOOD)
    assert np.all(before[changed] == Tissue.SOFT)


def test_veins_lie_under_the_skin_of_the_back_of_the_hand(carved):
    slab, _ = carved
    blood = slab.tissue == Tissue.BLOOD
    assert slab.skin_mm[blood].max() < -0.5
    assert slab.skin_mm[blood].min() > -6
    skin = np.argmax(slab.skin_mm < 0, axis=2)
    scan, lateral, depth = np.nonzero(blood)
    below_skin = (depth - skin[scan, lateral]) * GRID.spacing_mm[2]
    assert below_skin.max() < 6.5


def test_veins_do_not_depend_on_the_slab():
    voxeliser, fields = Voxeliser(hand_of(3, GRID), GRID), fields_of(GRID, 3, vein_count=8)
    whole, part = voxeliser.slab(0, GRID.shape[0]), voxeliser.slab(61, 90)
    for slab in (whole, part):
        fields.carve_veins(slab)
    np.testing.assert_array_equal(part.tissue, whole.tissue[61:90])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_veins_of_a_single_slice_have_a_place():
    assert np.all(np.isfinite(fields_of(PhantomGrid((1, 40, 40), (1, 1, 1))).vein_paths_mm))
