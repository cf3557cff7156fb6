from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.phantom import PhantomGrid, beam
from amcnet.phantom.acoustics import Acoustics, draw_acoustics, without
from amcnet.phantom.point_spread import Cascade
from amcnet.phantom.tissue import Tissue

GRID = PhantomGrid((40, 50, 60), (0.5, 0.4, 0.2))
SHARP = Cascade.gaussian(0.0)


def acoustics(**settings) -> Acoustics:
    return replace(draw_acoustics(np.random.default_rng(0)), **settings)


def weight_of(column: list[int], a: Acoustics, grid: PhantomGrid = GRID) -> np.ndarray:
    """Return the echo weight along one column of tissues."""
    loss = beam.loss_table_db(a, grid)[beam.pairs_of(np.array([column], np.uint8))]
    return beam.echo_weight(loss, SHARP)[0]


@given(st.lists(st.sampled_from(list(Tissue)), min_size=1, max_size=30))
def test_pairs_name_the_tissue_above_and_here(column):
    pairs = beam.pairs_of(np.array(column, np.uint8))
    np.testing.assert_array_equal(pairs % 8, column)
    np.testing.assert_array_equal(pairs // 8, [column[0], *column[:-1]])


def test_reflection_follows_the_impedances_both_ways():
    a = acoustics()
    table = beam.reflection_table(a).reshape(8, 8)
    for above in Tissue:
        for below in Tissue:
            z1, z2 = a.impedance_mrayl[above], a.impedance_mrayl[below]
            assert table[above, below] == pytest.approx(abs(z1 - z2) / (z1 + z2))
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diag(table), 0)
    assert table.max() < 1


def test_equal_impedances_neither_reflect_nor_echo():
    a = without(acoustics(), "reflection")
    assert not beam.reflection_table(a).any()
    assert not beam.specular_table(a, "skin").any()
    assert not beam.specular_table(a, "inner").any()


@pytest.mark.parametrize("tissue", [Tissue.SOFT, Tissue.CARTILAGE, Tissue.TENDON])
@pytest.mark.parametrize("spacing", [0.05, 0.2, 0.7])
def test_homogeneous_medium_attenuates_exponentially(tissue, spacing):
    grid = PhantomGrid((1, 1, 60), (1, 1, spacing))
    a = acoustics(frequency_mhz=10.0)
    weight = weight_of([tissue] * 60, a, grid)
    # There and back: dB/cm/MHz x MHz x 2 x cm.
    db_per_mm = a.attenuation_db_per_cm_mhz[tissue] * 10.0 * 2 / 10
    crossed_mm = (np.arange(60) + 1) * spacing
    expected = 10 ** (-db_per_mm * crossed_mm / 20)
    visible = expected > 1e-4
    assert visible.sum() > 3
    np.testing.assert_allclose(weight[visible], expected[visible], rtol=1e-3)


def test_crossing_an_interface_costs_the_transmission():
    a = without(acoustics(), "attenuation")
    weight = weight_of([Tissue.WATER] * 3 + [Tissue.SOFT] * 3 + [Tissue.CORTEX] * 3, a)
    water, soft, cortex = (a.impedance_mrayl[t] for t in (0, 1, 4))
    into_soft = 1 - ((soft - water) / (soft + water)) ** 2
    into_bone = 1 - ((cortex - soft) / (cortex + soft)) ** 2
    expected = [1] * 3 + [into_soft] * 3 + [into_soft * into_bone] * 3
    np.testing.assert_allclose(weight, expected, rtol=1e-5)


@given(st.lists(st.sampled_from(list(Tissue)), min_size=1, max_size=60))
def test_echo_weight_only_ever_falls(column):
    weight = weight_of(list(column), acoustics())
    assert np.all(np.diff(weight) <= 0)
    assert np.all((weight > 0) & (weight <= 1))


def test_shadow_edges_are_softened_evenly_to_both_sides():
    loss = np.zeros((41, 6), np.float32)
    loss[20:, 2] = 40.0
    weight = beam.echo_weight(loss, Cascade.gaussian(2.0))
    assert np.all(weight[:, :2] == 1)
    edge = -20 * np.log10(weight[:, 4].astype(float))
    assert np.all(np.diff(edge) >= -1e-4)
    np.testing.assert_allclose(edge[:20] + edge[39:19:-1], 40, atol=0.01)
    assert edge[0] == pytest.approx(0, abs=1e-4)
    assert 15 < edge[19] < 20 < edge[20] < 25


def test_skin_is_where_water_lies_above_and_nothing_else():
    a = acoustics(skin_echo=5.0, bone_echo=0.5)
    reflection = beam.reflection_table(a).reshape(8, 8)
    skin, inner = (beam.specular_table(a, kind).reshape(8, 8) for kind in ("skin", "inner"))
    np.testing.assert_allclose(skin[Tissue.WATER], 5 * reflection[Tissue.WATER], rtol=1e-6)
    assert not skin[1:].any()
    assert not inner[Tissue.WATER].any()
    np.testing.assert_allclose(inner[1:], 0.5 * reflection[1:], rtol=1e-6)


@given(st.integers(0, 59), st.integers(1, 60))
def test_first_face_is_the_top_of_a_mask(top, thickness):
    mask = np.zeros((2, 3, 60), bool)
    mask[1, 2, top : top + thickness] = True
    face = beam.first_face_mm(mask, GRID)
    assert face[1, 2] == pytest.approx(top * GRID.spacing_mm[2])
    face[1, 2] = GRID.extent_mm[2]
    np.testing.assert_array_equal(face, np.float32(GRID.extent_mm[2]))


def test_bone_is_cortex_and_epiphysis():
    found = beam.bone_mask(np.arange(len(Tissue), dtype=np.uint8))
    assert {Tissue(i) for i in np.nonzero(found)[0]} == {Tissue.CORTEX, Tissue.EPIPHYSIS}


@pytest.mark.parametrize("tilt_deg", [0, 20, 45, 70, 80])
@pytest.mark.parametrize("turn_deg", [0, 30, 90])
def test_facing_of_a_plane_is_the_cosine_of_its_tilt(tilt_deg, turn_deg):
    slope = np.tan(np.radians(tilt_deg))
    scan, lateral = GRID.axis_mm(0)[:, None], GRID.axis_mm(1)[None, :]
    turn = np.radians(turn_deg)
    plane = (slope * (np.cos(turn) * scan + np.sin(turn) * lateral)).astype(np.float32)
    cosine = beam.facing(plane, GRID)[6:-6, 6:-6]
    np.testing.assert_allclose(cosine, np.cos(np.radians(tilt_deg)), atol=2e-3)


def test_facing_of_a_sphere_follows_its_normal():
    grid = PhantomGrid((80, 100, 60), (0.25, 0.2, 0.2))
    scan, lateral = grid.axis_mm(0)[:, None] - 10, grid.axis_mm(1)[None, :] - 10
    radius = 9.0
    off = np.hypot(scan, lateral)
    near = off < 6
    sphere = 12 - np.sqrt(np.maximum(radius**2 - off**2, 0))
    cosine = beam.facing(sphere.astype(np.float32), grid)
    expected = np.sqrt(1 - (off[near] / radius) ** 2)
    np.testing.assert_allclose(cosine[near], expected, atol=0.02)


@pytest.mark.parametrize("power", [2.0, 4.0, 6.0])
def test_mirrors_send_all_straight_back_and_a_little_sideways(power):
    a = acoustics(specular_power=power)
    cosine = np.linspace(0, 1, 50, dtype=np.float32)
    gain = beam.specular_gain(cosine, a)
    assert gain[-1] == pytest.approx(1)
    assert gain[0] == pytest.approx(0.12)
    assert np.all(np.diff(gain) >= 0)
    half = beam.specular_gain(np.float32([0.5]), a)[0]
    assert half == pytest.approx(0.12 + 0.88 * 0.5**power, rel=1e-5)


def test_skin_drops_out_at_grazing_angles_only():
    degrees = np.arange(91)
    share = beam.grazing_dropout(np.cos(np.radians(degrees)).astype(np.float32))
    assert np.all(share[:60] == 1)
    assert np.all(share[76:] == 0)
    assert np.all((share >= 0) & (share <= 1))
    assert np.all(np.diff(share) <= 0)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1)])
def test_a_single_slice_or_row_faces_the_probe(shape):
    grid = PhantomGrid((*shape, 20), GRID.spacing_mm)
    np.testing.assert_allclose(beam.facing(np.full(shape, 3, np.float32), grid), 1)
