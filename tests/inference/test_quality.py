import pytest

from amcnet.errors import ConfigError
from amcnet.inference.quality import choose_windows


def test_better_qualities_look_more_often() -> None:
    fast, balanced, best = (choose_windows(q, 16, True) for q in ("fast", "balanced", "best"))
    assert fast.overlap < balanced.overlap < best.overlap
    assert [windows.mirror for windows in (fast, balanced, best)] == [False, False, True]
    assert {windows.slices for windows in (fast, balanced, best)} == {16}


def test_a_model_that_never_saw_mirror_images_is_not_shown_any() -> None:
    assert not choose_windows("best", 16, False).mirror


def test_unknown_quality() -> None:
    with pytest.raises(ConfigError, match="found 'perfect', expected one of fast, balanced, best"):
        choose_windows("perfect", 16, True)
