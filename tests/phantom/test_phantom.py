import json

import numpy as np

from amcnet.phantom import Grid, make_phantom

GRID = Grid((80, 64, 32), (2.15, 2.1, 1.42))


def test_phantom_carries_its_grid_and_what_was_drawn():
    phantom = make_phantom(11, GRID)
    assert phantom.image.shape == phantom.labels.shape == GRID.shape
    assert phantom.image.dtype == phantom.labels.dtype == np.uint8
    assert phantom.spacing_mm == GRID.spacing_mm
    assert phantom.labels.max() <= 38
    description = json.loads(json.dumps(phantom.description()))
    assert description["seed"] == 11
    assert description["hand"]["age_years"] == phantom.hand.age_years
    assert description["acoustics"]["frequency_mhz"] == phantom.acoustics.frequency_mhz


def test_finer_grid_shows_the_same_hand():
    coarse = make_phantom(11, GRID)
    fine = make_phantom(11, Grid((160, 128, 64), tuple(s / 2 for s in GRID.spacing_mm)))
    assert fine.hand.age_years == coarse.hand.age_years
    for value in (5, 14, 22, 30, 38):
        centres = [
            np.argwhere(p.labels == value).mean(axis=0) * p.spacing_mm for p in (coarse, fine)
        ]
        np.testing.assert_allclose(*centres, atol=1.5)
