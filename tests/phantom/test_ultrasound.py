from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.random import default_rng

from amcnet.phantom import PhantomConfig, PhantomGrid, make_phantom
from amcnet.phantom.acoustics import TERMS, Acoustics, draw_acoustics, without
from amcnet.phantom.display import WHITE_DB
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand_anatomy import Hand
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser
from amcnet.phantom.ultrasound import render

GRID = PhantomGrid((152, 128, 64), (1.116, 1.04, 0.704))
SMALL = PhantomGrid((60, 64, 64), (2.9, 2.08, 0.704))
SEEDS = (2, 3, 4, 8)


@dataclass(frozen=True)
class Scan:
    image: np.ndarray
    labels: np.ndarray
    truth: Slab


def hand_of(seed: int, grid: PhantomGrid) -> Hand:
    return draw_hand(default_rng(seed), PhantomConfig(grid))


def scan(seed: int, grid: PhantomGrid = GRID, **settings) -> Scan:
    voxeliser = Voxeliser(hand_of(seed, GRID), grid)
    acoustics = replace(draw_acoustics(default_rng(seed)), **settings)
    image, labels = render(voxeliser, acoustics, seed)
    return Scan(image, labels, voxeliser.slab(0, grid.shape[0]))


@pytest.fixture(scope="module", params=SEEDS)
def rendered(request) -> Scan:
    return scan(request.param)


def dorsal_tissue(truth: Slab) -> np.ndarray:
    above_bone = np.cumsum(truth.labels > 0, axis=2) == 0
    over_some = (truth.labels > 0).any(axis=2, keepdims=True)
    return (truth.tissue == Tissue.SOFT) & (truth.skin_mm < -1) & above_bone & over_some


def water_above(truth: Slab, distance_mm: float = 3.0) -> np.ndarray:
    return np.logical_and.accumulate(truth.skin_mm > distance_mm, axis=2)


# A whole hand.


def test_labels_are_those_of_the_voxelised_hand(rendered):
    # Half a voxel is more than slices shift: at most by 0.2 mm.
    np.testing.assert_array_equal(rendered.labels, rendered.truth.labels)
    assert rendered.image.shape == rendered.labels.shape == GRID.shape
    assert rendered.image.dtype == rendered.labels.dtype == np.uint8


def test_water_above_the_skin_is_dark(rendered):
    water = rendered.image[water_above(rendered.truth)]
    assert water.mean() < 45
    assert np.median(water) < 0.25 * rendered.image[dorsal_tissue(rendered.truth)].mean()


def test_still_water_has_the_grey_of_real_slices():
    for seed in SEEDS:
        a = without(draw_acoustics(default_rng(seed)), "dotted rows", "ghost arcs", "haze")
        voxeliser = Voxeliser(hand_of(seed, GRID), SMALL)
        image, _ = render(voxeliser, a, seed)
        far = water_above(voxeliser.slab(0, SMALL.shape[0]), 8.0)
        assert 5 <= np.median(image[far]) <= 22


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


# What decides the bytes.


def test_same_seed_same_bytes():
    first, again, other = (make_phantom(seed, PhantomConfig(SMALL)) for seed in (6, 6, 7))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()
    assert first.description() == again.description()
    assert np.mean(first.image != other.image) > 0.5


def test_seed_alone_changes_the_speckle_but_not_the_hand():
    voxeliser, a = Voxeliser(hand_of(2, GRID), SMALL), draw_acoustics(default_rng(2))
    (one, labels), (other, others) = (render(voxeliser, a, seed) for seed in (1, 2))
    assert np.mean(one != other) > 0.5
    np.testing.assert_array_equal(labels, others)


@pytest.mark.parametrize("threads", [2, 3, 7, 61])
def test_number_of_threads_changes_no_byte(threads):
    voxeliser = Voxeliser(hand_of(3, GRID), SMALL)
    a = replace(draw_acoustics(default_rng(3)), jitter_mm=0.2, psf_elevational_mm=6.0)
    expected, found = (render(voxeliser, a, 3, n) for n in (1, threads))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("slices", [5, 17, 60])
def test_slab_size_does_not_matter(monkeypatch, slices):
    expected = scan(3, SMALL)
    monkeypatch.setattr("amcnet.phantom.ultrasound._SLAB_SLICES", slices)
    found = scan(3, SMALL)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.image, expected.image)


def test_slab_size_does_not_matter_on_thin_slices(monkeypatch):
    thin = PhantomGrid((609, 32, 20), (0.279, 4.16, 2.2))
    expected = scan(1, thin)
    monkeypatch.setattr("amcnet.phantom.ultrasound._SLAB_SLICES", 200)
    np.testing.assert_array_equal(scan(1, thin).image, expected.image)


@pytest.mark.parametrize("shape", [(5, 7, 9), (2, 2, 2), (10, 10, 1), (3, 200, 300), (40, 5, 64)])
@pytest.mark.parametrize("spacing", [0.05, 1.0, 8.0])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_small_odd_grids(shape, spacing):
    voxeliser = Voxeliser(hand_of(2, GRID), PhantomGrid(shape, (spacing,) * 3))
    image, labels = render(voxeliser, draw_acoustics(default_rng(2)), 2, threads=2)
    assert image.shape == labels.shape == shape
    # Noise is there whatever the grid.
    assert image.any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shape", [(1, 64, 64), (60, 1, 64)])
def test_a_single_slice_or_row(shape):
    voxeliser = Voxeliser(hand_of(2, GRID), PhantomGrid(shape, SMALL.spacing_mm))
    assert render(voxeliser, draw_acoustics(default_rng(2)), 2)[0].shape == shape


# Each term on its own.

ALL_ON = {
    "flicker_db": 1.0,
    "jitter_mm": 0.2,
    "dot_rows": 5,
    "haze": 0.2,
    "support_echo": 0.15,
    "support_depth_mm": 40.0,
    "vein_count": 6,
    "ghost_db": -40.0,
    "skin_reverberation_db": -30.0,
    "bone_reverberation_db": -20.0,
    "texture_contrast": 0.5,
    "tail_db": -20.0,
    "ringing_db": -20.0,
}
# Voxels finer than the jitter, around the middle of the hand's length.
CLOSE_UP = PhantomGrid((20, 400, 300), (8.0, 0.33, 0.15))


@pytest.fixture(scope="module")
def close_up() -> tuple[Voxeliser, Acoustics, np.ndarray, np.ndarray]:
    voxeliser = Voxeliser(hand_of(2, GRID), CLOSE_UP)
    a = replace(draw_acoustics(default_rng(2)), **ALL_ON)
    return voxeliser, a, *render(voxeliser, a, 2)


@pytest.mark.parametrize("term", list(TERMS))
def test_each_term_changes_the_image_and_no_label(close_up, term):
    voxeliser, a, image, labels = close_up
    bare, same = render(voxeliser, without(a, term), 2, threads=2)
    assert np.any(bare != image)
    if term == "jitter":
        assert np.any(same != labels)
    else:
        np.testing.assert_array_equal(same, labels)


def differing(close_up, term: str) -> tuple[np.ndarray, np.ndarray, Slab]:
    """Return the image without a term, that with it (as int), and the truth; nothing shifts."""
    voxeliser, a, *_ = close_up
    a = without(a, "jitter")
    on, off = (render(voxeliser, x, 2, threads=2)[0].astype(int) for x in (a, without(a, term)))
    return off, on, voxeliser.slab(0, CLOSE_UP.shape[0])


def test_haze_brightens_water_beside_the_hand_only(close_up):
    off, on, truth = differing(close_up, "haze")
    beside = (truth.skin_mm > 0.5) & (truth.skin_mm < 2)
    assert on[beside].mean() > off[beside].mean() + 2
    far = truth.skin_mm > 25
    assert np.abs(on[far] - off[far]).mean() < 0.5


def test_dots_lie_in_a_few_rows(close_up):
    off, on, _ = differing(close_up, "dotted rows")
    rows = np.nonzero((on != off).any(axis=(0, 1)))[0]
    assert 1 <= len(rows) <= 5
    assert np.all(on >= off)


def test_ghosts_lie_above_the_skin(close_up):
    off, on, truth = differing(close_up, "ghost arcs")
    changed = on != off
    assert changed.any()
    assert np.all(on >= off)
    # Their lower ends reach half a millimetre down.
    assert truth.skin_mm[changed].min() > -0.6


def test_veins_change_the_hand_and_not_the_water_above_it(close_up):
    off, on, truth = differing(close_up, "veins")
    change = np.abs(on - off)
    dorsal = (truth.skin_mm < -1) & (truth.skin_mm > -4)
    above = water_above(truth, 1.5)
    assert change[dorsal].mean() > 10 * change[above].mean()


def test_side_lobes_and_ringing_only_add_light(close_up):
    off, on, truth = differing(close_up, "ringing")
    shadow = np.cumsum(truth.labels > 0, axis=2) > 8
    assert on[shadow].mean() > off[shadow].mean()
    off, on, truth = differing(close_up, "side lobes")
    beside = (truth.skin_mm > 0.3) & (truth.skin_mm < 2)
    assert on[beside].mean() > off[beside].mean()


def test_bone_without_attenuation_lets_the_beam_through(close_up):
    off, on, truth = differing(close_up, "attenuation")
    below = (np.cumsum(truth.labels > 0, axis=2) > 10) & (truth.labels == 0)
    assert off[below].mean() > on[below].mean() + 5


def test_flicker_changes_slices_as_a_whole(close_up):
    off, on, _ = differing(close_up, "flicker")
    grey = (off > 0) & (on > 0) & (off < 250) & (on < 250)
    steps = [np.unique(np.sign((on - off)[i][grey[i]])) for i in range(len(on))]
    assert all(not {-1, 1} <= set(step.tolist()) for step in steps)
    means = [(on - off)[i].mean() for i in range(len(on))]
    assert min(means) < 0 < max(means)


def test_jitter_moves_image_and_labels_together(close_up):
    voxeliser, a, *_ = close_up
    # What the machine adds stays where it is.
    plain = without(a, "noise", "time gain")
    # The labels show how far each slice moved: the image has moved just as far.
    (image, labels), (still, at_rest) = (
        render(voxeliser, replace(plain, jitter_mm=jitter), 2, threads=2) for jitter in (0.2, 0.0)
    )
    reach = [int(np.ceil(0.2 / spacing)) for spacing in CLOSE_UP.spacing_mm[1:]]
    moved = 0
    for index in range(len(image)):
        core = tuple(slice(r, -r) for r in reach)
        shifts = [
            shift
            for shift in np.ndindex(2 * reach[0] + 1, 2 * reach[1] + 1)
            if np.array_equal(
                image[index][core], _taken(still[index], shift, image[index][core].shape)
            )
        ]
        assert len(shifts) == 1
        found = _taken(at_rest[index], shifts[0], labels[index][core].shape)
        np.testing.assert_array_equal(labels[index][core], found)
        moved += shifts[0] != tuple(reach)
    assert moved > 0


def _taken(plane: np.ndarray, start: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    return plane[start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]]


def test_gain_brightens_everything():
    dark, bright = (scan(2, SMALL, gain_db=gain) for gain in (-6, 6))
    tissue = dorsal_tissue(dark.truth)
    dark, bright = dark.image, bright.image
    assert bright.mean() > dark.mean()
    assert np.mean(bright[tissue] >= dark[tissue]) > 0.99


# A block of flesh with a flat skin, with one or two terms at a time.


@dataclass(frozen=True)
class Box:
    """A solid whose signed distance is known exactly."""

    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]

    def bounds_mm(self, margin_mm, scan_range_mm=None):
        return np.array(self.low_mm) - margin_mm, np.array(self.high_mm) + margin_mm

    def distance_mm(self, scan, lateral, depth):
        along, across, down = (
            np.maximum(low - at, at - high)
            for at, low, high in zip((scan, lateral, depth), self.low_mm, self.high_mm, strict=True)
        )
        return np.maximum(np.maximum(along, across), down).astype(np.float32)


BLOCK = PhantomGrid((6, 120, 300), (0.4, 0.2, 0.1))
SKIN_MM = 8.05  # between two voxels


def block(bone_mm: float | None = None, grid: PhantomGrid = BLOCK) -> Voxeliser:
    bones = {} if bone_mm is None else {5: Box((-90, -90, bone_mm), (90, 90, 90))}
    hand = replace(
        hand_of(0, GRID),
        structures=bones,
        cartilage=(),
        wrist=(),
        tendons=(),
        flesh=(Box((-90, -90, SKIN_MM), (90, 90, 90)),),
    )
    return Voxeliser(hand, grid)


def only(*terms: str, **settings) -> Acoustics:
    """Return the settings with some terms on, the rest off, and a display that hides nothing."""
    off = [term for term in TERMS if term not in terms]
    a = replace(draw_acoustics(default_rng(0)), **{"haze": 0.0, "support_echo": 0.0} | settings)
    return replace(without(a, *off), gamma=1.0, gain_db=-10.0, dynamic_range_db=90.0)


def levels(voxeliser: Voxeliser, a: Acoustics) -> np.ndarray:
    """Return the level, dB, behind each grey value of a rendered block."""
    image, _ = render(voxeliser, a, 1)
    # Greys are rounded down.
    db = ((image + 0.5) / 255 - 1) * a.dynamic_range_db - a.gain_db - WHITE_DB
    return np.where(image > 0, db, -np.inf)


def mean_db(db: np.ndarray, axis=None) -> np.ndarray:
    return 20 * np.log10(np.mean(10 ** (db / 20), axis=axis))


def test_speckle_of_an_even_medium_is_rayleigh():
    a = only("scatter", "point spread", psf_lateral_growth_per_cm=0.1)
    db = levels(block(), a)[:, 8:-8, 95:]
    envelope = 10 ** (db / 20)
    assert envelope.mean() / envelope.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.05)
    low, middle, high = np.percentile(envelope, [20, 50, 80]) / np.sqrt(np.mean(envelope**2))
    for found, share in ((low, 0.2), (middle, 0.5), (high, 0.8)):
        assert found == pytest.approx(np.sqrt(-np.log(1 - share)), rel=0.06)


@pytest.mark.parametrize("widths", [(0.1, 0.25, 1.0), (0.22, 0.7, 2.0)])
def test_brightness_of_speckle_does_not_depend_on_the_point_spread(widths):
    axial, lateral, elevational = widths
    psf = {"psf_axial_mm": axial, "psf_lateral_mm": lateral, "psf_elevational_mm": elevational}
    db = [
        levels(block(), only("scatter", *terms, **psf))[:, :, 95:]
        for terms in ((), ("point spread",))
    ]
    power = [np.mean(10 ** (values / 10)) for values in db]
    assert power[1] == pytest.approx(power[0], rel=0.12)


def test_brightness_of_speckle_does_not_depend_on_the_voxels():
    fine = PhantomGrid((6, 240, 600), (0.4, 0.1, 0.05))
    a = only("scatter", "point spread")
    coarse_power, fine_power = (
        np.mean(10 ** (levels(block(grid=g), a)[:, :, g.shape[2] // 3 :] / 10))
        for g in (BLOCK, fine)
    )
    assert fine_power == pytest.approx(coarse_power, rel=0.12)


@pytest.mark.parametrize("frequency", [8.0, 12.0])
def test_speckle_fades_with_depth_as_attenuation_says(frequency):
    a = only("scatter", "attenuation", "point spread", frequency_mhz=frequency)
    db = mean_db(levels(block(), a)[:, :, 90:], axis=(0, 1))
    slope = np.polyfit(BLOCK.axis_mm(2)[90:] / 10, db, 1)[0]
    expected = -2 * frequency * a.attenuation_db_per_cm_mhz[Tissue.SOFT]
    assert slope == pytest.approx(expected, rel=0.06)


def test_time_gain_makes_up_for_attenuation():
    a = only("scatter", "attenuation", "time gain", "point spread", tgc_sliders_db=(0.0,))
    a = replace(
        a,
        tgc_db_per_cm=2 * a.frequency_mhz * a.attenuation_db_per_cm_mhz[Tissue.SOFT],
        gain_db=-15.0,
    )
    db = mean_db(levels(block(), a)[:, :, 90:], axis=(0, 1))
    assert abs(np.polyfit(BLOCK.axis_mm(2)[90:] / 10, db, 1)[0]) < 1.0


@pytest.mark.parametrize("psf", [(), ("point spread",)])
def test_flat_skin_is_as_bright_as_its_reflection(psf):
    a = only("specular echoes", "reflection", *psf, skin_echo=5.0)
    peak = levels(block(), a).max(axis=2)
    water, soft = a.impedance_mrayl[:2]
    reflection = (soft - water) / (soft + water)
    expected = 20 * np.log10(5 * reflection * (1 - reflection**2))
    np.testing.assert_allclose(peak, expected, atol=0.3)


def test_flat_skin_lies_at_its_depth():
    a = only("specular echoes", "reflection", "point spread")
    depth = BLOCK.axis_mm(2)[levels(block(), a).argmax(axis=2)]
    np.testing.assert_allclose(depth, SKIN_MM, atol=0.06)


def test_bone_echo_does_not_depend_on_the_voxels():
    # Cortex dims what lies in it, not the echo of its surface.
    a = only("specular echoes", "reflection", "attenuation", bone_echo=1.0)
    thick = PhantomGrid((4, 20, 60), (0.4, 0.4, 0.5))
    peaks = [
        levels(block(12.05, g), a)[:, :, int(11 / g.spacing_mm[2]) :].max() for g in (BLOCK, thick)
    ]
    assert peaks[1] == pytest.approx(peaks[0], abs=1.5)


def test_reverberation_repeats_skin_and_bone_at_their_depths():
    a = only(
        "specular echoes",
        "reflection",
        "reverberation",
        "point spread",
        skin_reverberation_db=-30.0,
        bone_reverberation_db=-20.0,
    )
    bone_mm = 13.05
    db = levels(block(bone_mm), a).max(axis=(0, 1))

    def peak(depth_mm: float) -> float:
        index = round(depth_mm / BLOCK.spacing_mm[2])
        return float(db[index - 3 : index + 4].max())

    assert peak(2 * SKIN_MM) == pytest.approx(peak(SKIN_MM) - 30, abs=1.5)
    assert peak(2 * bone_mm - SKIN_MM) == pytest.approx(peak(bone_mm) - 20, abs=1.5)
    assert peak(3 * bone_mm - 2 * SKIN_MM) == pytest.approx(peak(bone_mm) - 40, abs=1.5)
    assert np.isneginf(db[int(26 / BLOCK.spacing_mm[2]) :]).all()


def test_nothing_but_black_with_all_terms_off():
    image, _ = render(block(12.0), without(only(), *TERMS), 1)
    assert not image.any()
