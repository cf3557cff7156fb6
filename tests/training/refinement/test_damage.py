import numpy as np
import pytest

from amcnet.training.refinement.damage import damaged, resized


@pytest.fixture
def balls() -> np.ndarray:
    """Two balls of different labels, a voxel apart."""
    place = np.indices((32, 32, 48)) - np.array([16, 16, 14])[:, None, None, None]
    labels = np.zeros((32, 32, 48), np.uint8)
    labels[(place**2).sum(axis=0) < 81] = 4
    place[2] -= 20
    labels[(place**2).sum(axis=0) < 100] = 9
    return labels


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero((a == b) & (a > 0)) / max(1, np.count_nonzero(a) + (b > 0).sum())


def test_it_is_decided_by_the_random_numbers(balls: np.ndarray) -> None:
    first, again, other = (damaged(balls, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_shape_type_and_names_stay_and_the_truth_is_not_touched(balls: np.ndarray) -> None:
    before = balls.copy()
    for seed in range(30):
        bad = damaged(balls, np.random.default_rng(seed))
        assert bad.shape == balls.shape
        assert bad.dtype == np.uint8
        assert set(np.unique(bad)) <= {0, 4, 9}
    assert np.array_equal(balls, before)


def test_damage_is_neither_nothing_nor_everything(balls: np.ndarray) -> None:
    scores = [dice(damaged(balls, np.random.default_rng(seed)), balls) for seed in range(60)]
    assert 0.5 < np.mean(scores) < 0.95
    assert max(scores) < 1


def test_structures_vanish_and_take_the_place_of_others_at_times(balls: np.ndarray) -> None:
    results = [damaged(balls, np.random.default_rng(seed)) for seed in range(60)]
    assert any(not (result == 4).any() for result in results)
    assert any(np.count_nonzero((result == 9) & (balls == 4)) > 200 for result in results)


def test_a_patch_without_structures_stays_empty() -> None:
    empty = np.zeros((16, 16, 16), np.uint8)
    assert not damaged(empty, np.random.default_rng(0)).any()


def test_resized_structures_keep_their_names_and_centres_but_not_their_size(
    balls: np.ndarray,
) -> None:
    before = np.count_nonzero(balls)
    changes = []
    for seed in range(40):
        result = resized(balls, (0.5, 0.5, 0.5), np.random.default_rng(seed))
        assert (result.dtype, result.shape) == (np.uint8, balls.shape)
        changes.append(np.count_nonzero(result) - before)
        for name, centre in ((4, (16, 16, 14)), (9, (16, 16, 34))):
            mask = result == name
            assert np.abs(np.argwhere(mask).mean(axis=0) - centre).max() < 0.8
            # All of a structure grows, or all of it shrinks.
            assert (mask >= (balls == name)).all() or (mask <= (balls == name)).all()
    assert min(changes) < -0.2 * before
    assert max(changes) > 0.2 * before


def test_nothing_cannot_be_resized() -> None:
    for value in (0, 3):
        same = np.full((8, 8, 8), value, np.uint8)
        for seed in range(5):
            result = resized(same, (0.5, 0.5, 0.5), np.random.default_rng(seed))
            assert np.array_equal(result, same)
