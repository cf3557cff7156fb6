import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from amcnet.training.transforms.gaussian_blur import blurred


@pytest.mark.parametrize("deviation", [(0, 0, 0), (0, 1.3, 0), (0.7, 2.1, 0.4), (3, 0.2, 9)])
def test_blur_is_that_of_scipy(deviation):
    image = torch.randn(2, 20, 30, 25)
    expected = [gaussian_filter(c, deviation, mode="nearest", truncate=3.0) for c in image.numpy()]
    np.testing.assert_allclose(blurred(image, deviation), expected, atol=0.02)
