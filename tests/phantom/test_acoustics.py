import json
from dataclasses import asdict

import numpy as np
import pytest
from numpy.random import default_rng

from amcnet.errors import ConfigError
from amcnet.phantom.acoustics import TERMS, Acoustics, draw_acoustics, without
from amcnet.phantom.tissue import Tissue

DRAWN = [draw_acoustics(default_rng(seed)) for seed in range(200)]


def values(name: str) -> np.ndarray:
    return np.array([getattr(a, name) for a in DRAWN])


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("frequency_mhz", 8, 14),
        ("dynamic_range_db", 45, 65),
        ("gamma", 0.9, 1.3),
        ("gain_db", -6, 6),
        ("specular_power", 2, 6),
        ("shadow_softening_mm", 0.4, 0.6),
        ("psf_axial_mm", 0.16 * 0.6, 0.16 * 1.4),
        ("psf_lateral_mm", 0.3 * 0.6, 0.6 * 1.4),
        ("psf_elevational_mm", 1, 2),
        ("tail_db", -30, -20),
        ("tail_mm", 3, 6),
        ("texture_mm", 0.3, 2),
        ("jitter_mm", 0, 0.2),
    ],
)
def test_ranges_are_the_published_ones_and_used(name, low, high):
    drawn = values(name)
    assert drawn.min() >= low
    assert drawn.max() <= high
    assert np.ptp(drawn) > 0.6 * (high - low)


def test_time_gain_sliders_vary_by_thirty_percent():
    sliders = 10 ** (values("tgc_sliders_db") / 20)
    assert 0.7 <= sliders.min() < 0.72
    assert 1.28 < sliders.max() <= 1.3 + 1e-9


@pytest.mark.parametrize(
    ("tissue", "low", "high"),
    [
        (Tissue.WATER, 1.48, 1.48),
        (Tissue.SOFT, 1.63, 1.63),
        (Tissue.CARTILAGE, 1.75, 1.75),
        (Tissue.EPIPHYSIS, 4, 6),
        (Tissue.CORTEX, 6.5, 7.8),
        (Tissue.TENDON, 1.7, 1.8),
    ],
)
def test_impedances_are_the_published_ones(tissue, low, high):
    drawn = values("impedance_mrayl")[:, tissue]
    assert low <= drawn.min() <= low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) <= drawn.max() <= high


@pytest.mark.parametrize(
    ("tissue", "low", "high"),
    [
        (Tissue.WATER, 0.002, 0.002),
        (Tissue.SOFT, 0.5, 0.9),
        (Tissue.CARTILAGE, 1, 1),
        (Tissue.EPIPHYSIS, 7, 7),
        (Tissue.CORTEX, 10, 15),
        (Tissue.TENDON, 1.5, 1.5),
    ],
)
def test_attenuations_are_the_published_ones(tissue, low, high):
    drawn = values("attenuation_db_per_cm_mhz")[:, tissue]
    assert low <= drawn.min() <= low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) <= drawn.max() <= high


@pytest.mark.parametrize(
    ("tissue", "middle"),
    [
        (Tissue.WATER, 0),
        (Tissue.SOFT, 1),
        (Tissue.CARTILAGE, 0.2),
        (Tissue.EPIPHYSIS, 0.15),
        (Tissue.CORTEX, 0.05),
        (Tissue.TENDON, 1.3),
    ],
)
def test_scatter_varies_by_forty_percent(tissue, middle):
    drawn = values("scatter")[:, tissue]
    assert 0.6 * middle <= drawn.min() <= 0.65 * middle
    assert 1.35 * middle <= drawn.max() <= 1.4 * middle + 1e-9


def test_every_tissue_has_its_constants():
    for name in ("impedance_mrayl", "attenuation_db_per_cm_mhz", "scatter"):
        assert values(name).shape == (len(DRAWN), len(Tissue))


def test_ghosts_lie_between_probe_and_skin():
    depths = [part for a in DRAWN for part in a.ghost_depths]
    assert 0 < min(depths) < max(depths) < 1


def test_settings_survive_json():
    for a in DRAWN[:20]:
        stored = json.loads(json.dumps(asdict(a)))
        stored = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        assert Acoustics(**stored) == a


def test_draws_repeat_and_differ():
    assert draw_acoustics(default_rng(5)) == DRAWN[5]
    assert len(set(DRAWN)) == len(DRAWN)


@pytest.mark.parametrize("term", list(TERMS))
def test_a_term_that_is_off_is_off_for_good(term):
    on = DRAWN[0]
    off = without(on, term)
    changed = {key for key, value in asdict(off).items() if value != asdict(on)[key]}
    assert changed <= set(TERMS[term])
    assert without(off, term) == off


def test_terms_can_be_switched_off_together():
    assert without(DRAWN[0]) == DRAWN[0]
    both = without(DRAWN[0], "haze", "jitter")
    assert both == without(without(DRAWN[0], "jitter"), "haze")
    assert (both.haze, both.jitter_mm) == (0, 0)


def test_unknown_terms_are_named():
    with pytest.raises(ConfigError, match=r"^term 'hase': not known, expected one of .*haze"):
        without(DRAWN[0], "hase")
