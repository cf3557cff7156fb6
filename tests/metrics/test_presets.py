import numpy as np
import pytest

from amcnet.metrics import Preset, evaluate_case, headline, preset_columns


@pytest.fixture
def result():
    """Label 1 of 6 voxels is found but for two, label 2 of 2 voxels is missed."""
    reference, prediction = np.zeros((2, 1, 1, 10), dtype=np.uint8)
    reference[..., :6] = 1
    prediction[..., :4] = 1
    reference[..., 8:] = 2
    return evaluate_case(reference, prediction, (1, 1, 1), 3).to_json()


def test_strict_counts_what_is_missed(result):
    figures = headline(result, Preset.STRICT)["all"]
    assert figures["dice_macro"] == pytest.approx((0.8 + 0) / 2)
    hd95_mm = result["structures"][0]["hd95_mm"]
    assert figures["hd95_macro_missed_as_10mm_mm"] == pytest.approx((hd95_mm + 10) / 2)
    assert Preset.STRICT.counts_missing_cases


def test_paper_pools_and_skips(result):
    figures = headline(result, Preset.PAPER)["all"]
    assert figures["dice_foreground"] == pytest.approx(2 * 4 / (8 + 4))
    assert figures["f1_macro"] == pytest.approx((0.8 + 0) / 2)
    assert figures["hd95_macro_mm"] == result["structures"][0]["hd95_mm"]
    assert not Preset.PAPER.counts_missing_cases


@pytest.mark.parametrize("preset", Preset)
def test_columns_are_the_figures_in_their_order(result, preset):
    assert list(preset_columns(preset).values()) == list(headline(result, preset)["all"])
