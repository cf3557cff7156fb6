import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.errors import NotEnoughMemoryError
from amcnet.inference import Segmenter
from amcnet.inference.memory_plan import Workload, fit_to_memory
from amcnet.inference.sliding_windows import Windows
from amcnet.io import volume_from_array
from amcnet.networks import Architecture, needs_of

GIB = 2**30
PAPER = Workload((609, 512, 256), (609, 1023, 512), needs_of(Architecture(width=16)), 39, (2**24,))


def test_with_enough_memory_nothing_changes() -> None:
    assert fit_to_memory(PAPER, Windows(16, 0.5, mirror=True), 64 * GIB) == Windows(
        16, 0.5, mirror=True, ahead=True
    )


@given(limit_gib=st.floats(0.1, 8), slices=st.integers(4, 40), width=st.integers(4, 64))
def test_a_plan_fits_or_is_refused(limit_gib: float, slices: int, width: int) -> None:
    needs = needs_of(Architecture(width=width))
    work = Workload((609, 512, 256), (609, 1023, 512), needs, 39, (2**24,))
    limit = limit_gib * GIB
    try:
        plan = fit_to_memory(work, Windows(slices), limit)
    except NotEnoughMemoryError:
        assert work.need_bytes(Windows(4)) > limit
    else:
        assert work.need_bytes(plan) <= limit
        if plan.slices < slices:
            assert not plan.ahead
            assert work.need_bytes(Windows(slices)) > limit


def test_what_is_held_counts() -> None:
    logits = 4 * 39 * 609 * 512 * 256
    whole = PAPER.need_bytes(Windows(609))
    assert PAPER.need_bytes(Windows(609, ahead=True)) == whole  # there is no next window
    assert PAPER.need_bytes(Windows(609, mirror=True)) == whole + logits
    moved = PAPER.need_bytes(Windows(609, shifts=((0, 0, 0), (1, 1, 1))))
    assert 0.9 * moved < whole + logits < moved


def test_fewer_slices_come_last_and_are_said(caplog: pytest.LogCaptureFixture) -> None:
    alone, beside = (PAPER.need_bytes(Windows(16, ahead=ahead)) for ahead in (False, True))
    assert alone < beside
    with caplog.at_level(logging.WARNING):
        assert fit_to_memory(PAPER, Windows(16), (alone + beside) / 2) == Windows(16)
        assert not caplog.text
        assert fit_to_memory(PAPER, Windows(16), alone - 1).slices == 8
    assert "windows of 8 slices instead of the 16" in caplog.text


def test_one_sentence_where_nothing_fits(small_bundle: Path) -> None:
    segmenter = Segmenter(small_bundle, memory_gb=0.01)
    volume = volume_from_array(np.zeros((24, 40, 36), np.uint8), (0.5, 0.8, 0.6))
    with pytest.raises(
        NotEnoughMemoryError, match=r"24 x 40 x 36 voxels needs 0\.\d\d GiB .* found 0\.01 GiB"
    ):
        segmenter(volume)
