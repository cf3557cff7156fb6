import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from torch.nn.functional import interpolate

from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.labelling import label_slices, winners

Size = tuple[int, int, int]


def labels_of(logits: np.ndarray, shape: Size) -> np.ndarray:
    """Label the volume that logits (class, scan, lateral, depth) belong to."""
    return np.stack(list(label_slices(iter(np.moveaxis(logits, 1, 0)), logits.shape[1], shape)))


def dense_logits(logits: np.ndarray, shape: Size) -> torch.Tensor:
    """Interpolate all logits (class, scan, lateral, depth) to a size, in float64."""
    full = torch.from_numpy(logits).double()[None]
    return interpolate(full, size=shape, mode="trilinear")[0]


def dense_labels(logits: np.ndarray, shape: Size) -> np.ndarray:
    return dense_logits(logits, shape).argmax(dim=0).numpy().astype(np.uint8)


def smooth_logits(seed: int, size: Size, classes: int = 6) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, classes, 3, 4, 4, generator=generator)
    return interpolate(coarse, size=size, mode="trilinear")[0].numpy() * 5


def noise(seed: int, size: Size, classes: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((classes, *size), dtype=np.float32)


def blocks(seed: int, size: Size, classes: int) -> np.ndarray:
    """Blocks of one class in a background, with sheets and lines one sample thin."""
    rng = np.random.default_rng(seed)
    owner = np.zeros(size, int)
    for value in range(1, classes):
        start = rng.integers(0, size)
        extent = rng.integers(1, 5, 3)
        extent[rng.integers(3)] = 1
        owner[tuple(slice(a, a + n) for a, n in zip(start, extent, strict=True))] = value
    logits = noise(seed, size, classes)
    return logits + 6 * (owner == np.arange(classes)[:, None, None, None]).astype(np.float32)


def to_bfloat16(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).bfloat16().float().numpy()


SIZES = [
    ((5, 9, 7), (5, 9, 7)),
    ((5, 9, 7), (14, 23, 31)),
    ((4, 8, 6), (8, 32, 30)),
    ((7, 11, 13), (7, 40, 13)),
    ((4, 10, 6), (12, 30, 30)),
    ((1, 3, 1), (5, 7, 9)),
    ((5, 6, 4), (1, 9, 1)),
    ((9, 10, 8), (4, 5, 3)),
    ((3, 12, 5), (8, 4, 17)),
]


@pytest.mark.parametrize(("size", "shape"), SIZES)
@pytest.mark.parametrize("field", [smooth_logits, noise])
@pytest.mark.parametrize("classes", [6, 39])
def test_equals_the_dense_route(size: Size, shape: Size, field, classes: int) -> None:
    logits = field(1, size, classes)
    assert np.array_equal(labels_of(logits, shape), dense_labels(logits, shape))


@pytest.mark.parametrize("seed", range(3))
def test_thin_structures_equal_the_dense_route(seed: int) -> None:
    logits = to_bfloat16(blocks(seed, (6, 17, 11), 39))
    labels = labels_of(logits, (13, 61, 53))
    assert len(np.unique(labels)) > 20
    assert np.array_equal(labels, dense_labels(logits, (13, 61, 53)))


def test_more_cells_than_are_worked_on_at_once() -> None:
    logits = noise(2, (2, 60, 44), 39)
    assert np.array_equal(labels_of(logits, (3, 79, 61)), dense_labels(logits, (3, 79, 61)))


sizes = st.tuples(*[st.integers(1, 6)] * 3)
seeds = st.integers(0, 2**32 - 1)


@given(
    size=sizes,
    shape=st.tuples(*[st.integers(1, 13)] * 3),
    classes=st.integers(1, 12),
    seed=seeds,
    field=st.sampled_from([noise, blocks, smooth_logits]),
    rounded=st.booleans(),
)
def test_no_class_beats_the_label(
    size: Size, shape: Size, classes: int, seed: int, field, rounded: bool
) -> None:
    logits = field(seed, size, classes)
    logits = to_bfloat16(logits) if rounded else logits
    labels = torch.from_numpy(labels_of(logits, shape)).long()
    dense = dense_logits(logits, shape)
    # float32 cannot tell which of two classes that are this close is the larger one.
    assert (dense.gather(0, labels[None])[0] >= dense.amax(dim=0) - 1e-5).all()


@given(
    size=sizes,
    factors=st.tuples(*[st.sampled_from([1, 2, 4, 8])] * 3),
    classes=st.integers(1, 8),
    levels=st.integers(1, 4),
    seed=seeds,
)
def test_lower_class_wins_a_tie(
    size: Size, factors: Size, classes: int, levels: int, seed: int
) -> None:
    # Small integers and weights that are multiples of 1/16: float32 computes without rounding.
    rng = np.random.default_rng(seed)
    logits = rng.integers(-levels, levels, (classes, *size)).astype(np.float32)
    shape = (size[0] * factors[0], size[1] * factors[1], size[2] * factors[2])
    assert np.array_equal(labels_of(logits, shape), dense_labels(logits, shape))


def test_lower_class_wins_a_tie_when_sampling_down() -> None:
    logits = np.random.default_rng(0).integers(0, 3, (5, 8, 16, 12)).astype(np.float32)
    for shape in ((4, 8, 6), (2, 4, 3), (8, 8, 3)):
        assert np.array_equal(labels_of(logits, shape), dense_labels(logits, shape))


def test_the_first_of_two_equal_classes_wins_everywhere() -> None:
    logits = noise(0, (4, 9, 7), 5)
    doubled = np.repeat(logits, 2, axis=0)
    assert np.array_equal(labels_of(doubled, (7, 31, 18)), 2 * labels_of(logits, (7, 31, 18)))


@pytest.mark.parametrize("winner", [0, 2])
def test_one_class_everywhere(winner: int) -> None:
    logits = np.zeros((3, 2, 4, 5), np.float32)
    logits[winner] = 1
    assert np.array_equal(labels_of(logits, (3, 9, 11)), np.full((3, 9, 11), winner))


def test_runs_its_source_to_the_end() -> None:
    seen = []

    def source() -> object:
        for index in range(6):
            seen.append(index)
            yield np.zeros((2, 3, 3), np.float32)

    assert len(list(label_slices(source(), 6, (2, 3, 3)))) == 2
    assert seen == list(range(6))


@pytest.mark.parametrize("slices", [1, 3, 7, 20])
def test_meter_counts_every_slice_once(slices: int) -> None:
    logits = np.moveaxis(noise(3, (7, 6, 5), 4), 1, 0)
    meter = ConfidenceMeter(4)
    planes = list(label_slices(iter(logits), 7, (slices, 12, 9), meter))
    assert len(planes) == slices
    probability = softmax(logits.astype(np.float64), axis=1)
    won = logits.argmax(axis=1)
    expected = {value: probability[:, value][won == value].mean() for value in (1, 2, 3)}
    assert meter.means() == pytest.approx(expected, rel=1e-6)


def test_planes_belong_to_the_caller() -> None:
    logits = blocks(0, (4, 8, 6), 7)
    kept = logits.copy()
    labels = labels_of(logits, (9, 20, 17))
    planes = label_slices(iter(np.moveaxis(logits, 1, 0)), 4, (9, 20, 17))
    for plane, expected in zip(planes, labels, strict=True):
        assert plane.dtype == np.uint8
        assert plane.flags.c_contiguous
        assert np.array_equal(plane, expected)
        plane[:] = 255
    assert np.array_equal(logits, kept)


@given(
    classes=st.integers(1, 40),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    levels=st.integers(1, 50),
    seed=seeds,
)
def test_winners_are_the_arg_max(
    classes: int, size: tuple[int, int], levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    plane = rng.integers(-levels, levels, (classes, *size)).astype(np.float32)
    winner = winners(plane)
    assert winner.dtype == np.uint8
    assert np.array_equal(winner, plane.argmax(axis=0))
