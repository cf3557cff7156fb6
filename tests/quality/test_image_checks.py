import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from amcnet.quality.image_checks import image_findings

RNG = np.random.default_rng(4)
NOISE = RNG.standard_normal((12, 40, 30))


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (np.full((5, 6, 7), 80, np.uint8), "empty or constant"),
        (np.zeros((0, 6, 7), np.uint8), "empty"),
        (NOISE, "noise"),
        ((NOISE > 0).astype(np.uint8), "noise"),
    ],
    ids=["constant", "empty", "noise", "two grey values"],
)
def test_what_cannot_be_a_scan_is_told(image: np.ndarray, word: str) -> None:
    (finding,) = image_findings(image)
    assert word in finding.message


def test_speckle_is_taken_as_it_is() -> None:
    assert image_findings(np.abs(gaussian_filter(NOISE, (0, 1, 1)))) == []
