import pytest

from amcnet.errors import ConfigError
from amcnet.inference.quality_presets import choose_windows


def test_better_qualities_look_more_often() -> None:
    fast, balanced, best = (
        choose_windows(q, 16, ("lateral",)) for q in ("fast", "balanced", "best")
    )
    assert fast.overlap < balanced.overlap < best.overlap
    assert [windows.mirror for windows in (fast, balanced, best)] == [False, False, True]
    assert {windows.slices for windows in (fast, balanced, best)} == {16}


def test_a_model_that_never_saw_mirror_images_is_not_shown_any() -> None:
    assert not choose_windows("best", 16).mirror


def test_networks_on_blocks_see_more_places_of_a_block_in_better_qualities() -> None:
    shifts = [choose_windows(q, 16, (), (2, 3, 2)).shifts for q in ("fast", "balanced", "best")]
    assert [len(places) for places in shifts] == [1, 2, 4]
    assert all(places[0] == (0, 0, 0) for places in shifts)
    assert all(step < size for step, size in zip(shifts[1][1], (2, 3, 2), strict=True))
    for quality in ("balanced", "best"):
        assert choose_windows(quality, 16).shifts == ((0, 0, 0),)


def test_a_model_that_knows_both_directions_of_the_scan_sees_both() -> None:
    for quality, expected in (("balanced", 1), ("best", 2)):
        windows = choose_windows(quality, 16, ("lateral", "scan"), (2, 3, 2))
        assert sum(reverse for _, reverse in windows.views) == expected
        assert not any(reverse for _, reverse in choose_windows(quality, 16, (), (2, 3, 2)).views)


def test_unknown_quality() -> None:
    with pytest.raises(ConfigError, match="found 'perfect', expected one of fast, balanced, best"):
        choose_windows("perfect", 16)
