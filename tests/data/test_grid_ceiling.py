import numpy as np
import pytest
from scipy.ndimage import zoom

from amcnet.anatomy import IGNORE
from amcnet.data import Preprocessing
from amcnet.data.grid_ceiling import grid_ceiling

MM = (0.5, 0.5, 0.5)


def ball(radius_mm: float) -> np.ndarray:
    places = np.indices((40, 40, 40)) - 19.5
    return (np.sqrt((places**2).sum(axis=0)) * 0.5 < radius_mm).astype(np.uint8)


def test_a_ball_keeps_what_another_resampling_keeps() -> None:
    labels = ball(6)
    found = grid_ceiling(labels, MM, Preprocessing(spacing_mm=(1.0, 1.0, 1.0)))
    blocks = labels.reshape(20, 2, 20, 2, 20, 2).mean(axis=(1, 3, 5))
    back = zoom(blocks, 2, order=1, mode="nearest", grid_mode=True) > 0.5
    expected = 2 * (back & (labels > 0)).sum() / (back.sum() + labels.sum())
    # The grid's labels are whole voxels; without that, as here, a little more is possible.
    assert expected - 0.05 < found < expected


def test_it_falls_with_size_and_counts_structures_alike() -> None:
    coarse = Preprocessing(spacing_mm=(2.0, 2.0, 2.0))
    scores = [grid_ceiling(ball(radius), MM, coarse) for radius in (8, 5, 3)]
    assert scores == sorted(scores, reverse=True)
    both = ball(8)
    both[0, 0, 0] = 2  # a voxel that the grid loses
    assert grid_ceiling(both, MM, coarse) == pytest.approx(scores[0] / 2)


def test_ignored_and_empty_labels() -> None:
    labels = ball(6)
    ignored = labels.copy()
    ignored[:3] = IGNORE
    same = Preprocessing(spacing_mm=MM)
    assert grid_ceiling(ignored, MM, same) == 1
    assert grid_ceiling(np.zeros_like(labels), MM, same) is None
