import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from amcnet.inference.labelling import label_plane, label_slices


def dense_labels(logits: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Interpolate all logits (class, scan, lateral, depth), then take the arg-max."""
    full = interpolate(torch.from_numpy(logits)[None], size=shape, mode="trilinear")
    return full[0].argmax(dim=0).numpy().astype(np.uint8)


def smooth_logits(seed: int, size: tuple[int, int, int], classes: int = 6) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, classes, 3, 4, 4, generator=generator)
    return interpolate(coarse, size=size, mode="trilinear")[0].numpy() * 5


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((5, 9, 7), (5, 9, 7)),
        ((5, 9, 7), (14, 23, 31)),
        ((4, 8, 6), (8, 32, 30)),
        ((7, 11, 13), (7, 40, 13)),
        ((1, 3, 1), (5, 7, 9)),
        ((9, 10, 8), (4, 5, 3)),
    ],
)
@pytest.mark.parametrize("smooth", [True, False])
def test_equals_the_dense_route(
    size: tuple[int, int, int], shape: tuple[int, int, int], smooth: bool
) -> None:
    rng = np.random.default_rng(0)
    logits = (
        smooth_logits(1, size) if smooth else rng.standard_normal((6, *size)).astype(np.float32)
    )
    planes = list(label_slices(iter(np.moveaxis(logits, 1, 0)), size[0], shape))
    assert np.array_equal(np.stack(planes), dense_labels(logits, shape))


def test_runs_its_source_to_the_end() -> None:
    seen = []

    def source() -> object:
        for index in range(6):
            seen.append(index)
            yield np.zeros((2, 3, 3), np.float32)

    assert len(list(label_slices(source(), 6, (2, 3, 3)))) == 2
    assert seen == list(range(6))


def test_one_class_everywhere() -> None:
    plane = np.zeros((4, 5, 3), np.float32)
    plane[..., 2] = 1
    assert np.array_equal(label_plane(plane, (9, 11)), np.full((9, 11), 2))
