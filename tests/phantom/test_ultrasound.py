from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.random import default_rng

from amcnet.phantom import Grid, Recipe, make_phantom
from amcnet.phantom.acoustics import draw_acoustics
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser
from amcnet.phantom.ultrasound import render

GRID = Grid((152, 128, 64), (1.116, 1.04, 0.704))
SEEDS = (2, 3, 4)


@dataclass(frozen=True)
class Scan:
    image: np.ndarray
    labels: np.ndarray
    truth: Slab


def scan(seed: int, **settings: float) -> Scan:
    voxeliser = Voxeliser(draw_hand(default_rng(seed), Recipe(GRID)), GRID)
    acoustics = replace(draw_acoustics(default_rng(seed)), **settings)
    image, labels = render(voxeliser, acoustics, seed)
    return Scan(image, labels, voxeliser.slab(0, GRID.shape[0]))


@pytest.fixture(scope="module", params=SEEDS)
def rendered(request) -> Scan:
    return scan(request.param)


def dorsal_tissue(truth: Slab) -> np.ndarray:
    above_bone = np.cumsum(truth.labels > 0, axis=2) == 0
    over_some = (truth.labels > 0).any(axis=2, keepdims=True)
    return (truth.tissue == Tissue.SOFT) & (truth.skin_mm < -1) & above_bone & over_some


def test_labels_are_those_of_the_voxelised_hand(rendered):
    np.testing.assert_array_equal(rendered.labels, rendered.truth.labels)
    assert rendered.image.shape == GRID.shape
    assert rendered.image.dtype == np.uint8


def test_water_above_the_skin_is_dark(rendered):
    water = np.logical_and.accumulate(rendered.truth.skin_mm > 3, axis=2)
    assert rendered.image[water].mean() < 45
    assert (
        np.median(rendered.image[water])
        < 0.25 * rendered.image[dorsal_tissue(rendered.truth)].mean()
    )


def test_bone_casts_a_shadow(rendered):
    tissue = rendered.image[dorsal_tissue(rendered.truth)].mean()
    bone = rendered.truth.labels > 0
    thickness = np.cumsum(bone, axis=2)
    inside = rendered.image[bone & (thickness > 4)].mean()
    below = rendered.image[~bone & (thickness > 4)].mean()
    assert inside < 0.75 * tissue
    assert below < 0.75 * tissue


def test_skin_that_faces_the_probe_is_among_the_brightest(rendered):
    hand = rendered.truth.skin_mm < 0
    first = np.argmax(hand, axis=2)
    flat = hand.any(axis=2) & (np.abs(np.gradient(first.astype(float), axis=1)) < 1)
    rows, columns = np.nonzero(flat)
    top = first[rows, columns]
    line = np.max([rendered.image[rows, columns, top + step] for step in (-1, 0, 1)], axis=0)
    assert np.median(line) >= np.percentile(rendered.image, 95)


def test_same_seed_same_bytes():
    first, again, other = (make_phantom(seed, Recipe(GRID)) for seed in (6, 6, 7))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()
    assert first.description() == again.description()
    assert np.mean(first.image != other.image) > 0.5


@pytest.mark.parametrize("slices", [5, 17, 60, 152])
def test_slab_size_does_not_matter(monkeypatch, slices):
    expected = make_phantom(3, Recipe(GRID))
    monkeypatch.setattr("amcnet.phantom.ultrasound._SLAB_SLICES", slices)
    found = make_phantom(3, Recipe(GRID))
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.image, expected.image)


def test_slab_size_does_not_matter_on_thin_slices(monkeypatch):
    thin = Recipe(Grid((609, 64, 32), (0.279, 2.08, 1.408)))
    expected = make_phantom(1, thin)
    monkeypatch.setattr("amcnet.phantom.ultrasound._SLAB_SLICES", 200)
    np.testing.assert_array_equal(make_phantom(1, thin).image, expected.image)


def test_gain_brightens_and_dynamic_range_lifts_the_image():
    dark, bright = (scan(2, gain_db=gain).image.astype(int) for gain in (-6, 6))
    assert bright.mean() > dark.mean()
    tissue = dorsal_tissue(scan(2).truth)
    assert np.mean(bright[tissue] >= dark[tissue]) > 0.99


def test_attenuating_bone_is_darker_below():
    weak = scan(2, attenuation_db_per_cm_mhz=(0.002, 0.7, 1.0, 0.7, 0.7, 1.5, 0.2))
    strong = scan(2, attenuation_db_per_cm_mhz=(0.002, 0.7, 1.0, 7.0, 12.0, 1.5, 0.2))
    bone = weak.truth.labels > 0
    below = ~bone & (np.cumsum(bone, axis=2) > 4)
    assert strong.image[below].mean() < weak.image[below].mean() - 5


def test_acoustics_are_drawn_in_their_published_ranges():
    for seed in range(200):
        a = draw_acoustics(default_rng(seed))
        water, soft, cartilage, epiphysis, cortex, tendon, _ = a.impedance_mrayl
        assert (water, soft, cartilage) == (1.48, 1.63, 1.75)
        assert 4 <= epiphysis <= 6 <= 6.5 <= cortex <= 7.8
        assert 1.7 <= tendon <= 1.8
        assert 8 <= a.frequency_mhz <= 14
        assert 45 <= a.dynamic_range_db <= 65
        assert 0.9 <= a.gamma <= 1.3
        assert abs(a.gain_db) <= 6
        assert 2 <= a.specular_power <= 6
        assert 10 <= a.attenuation_db_per_cm_mhz[4] <= 15
