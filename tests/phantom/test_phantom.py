import json

import numpy as np
import pytest

from amcnet.errors import ConfigError
from amcnet.phantom import PhantomConfig, PhantomGrid, make_phantom

GRID = PhantomGrid((80, 64, 32), (2.15, 2.1, 1.42))
FINE = PhantomGrid((160, 128, 64), (1.075, 1.05, 0.71))


def test_phantom_carries_its_grid_and_what_was_drawn():
    phantom = make_phantom(11, PhantomConfig(GRID))
    assert phantom.image.shape == phantom.labels.shape == GRID.shape
    assert phantom.image.dtype == phantom.labels.dtype == np.uint8
    assert phantom.spacing_mm == GRID.spacing_mm
    assert phantom.labels.max() <= 38
    description = json.loads(json.dumps(phantom.description()))
    assert description["seed"] == 11
    assert description["config"]["shape"] == [80, 64, 32]
    assert description["config"]["spacing_mm"] == [2.15, 2.1, 1.42]
    assert description["hand"]["age_years"] == phantom.hand.age_years
    assert description["acoustics"]["frequency_mhz"] == phantom.acoustics.frequency_mhz


def test_finer_grid_shows_the_same_hand():
    coarse = make_phantom(11, PhantomConfig(GRID))
    fine = make_phantom(11, PhantomConfig(FINE))
    assert fine.hand.age_years == coarse.hand.age_years
    for value in (5, 14, 22, 30, 38):
        centres = [
            np.argwhere(p.labels == value).mean(axis=0) * p.spacing_mm for p in (coarse, fine)
        ]
        np.testing.assert_allclose(*centres, atol=1.5)


@pytest.mark.parametrize(("seed", "threads", "name"), [(-1, 1, "seed"), (0, 0, "threads")])
def test_numbers_out_of_range_are_refused(seed, threads, name):
    with pytest.raises(ConfigError, match=f"^{name}: found"):
        make_phantom(seed, PhantomConfig(GRID), threads)


def test_number_of_threads_changes_no_voxel():
    one, three = (make_phantom(12, PhantomConfig(GRID), threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.image, three.image)
    np.testing.assert_array_equal(one.labels, three.labels)
