from collections.abc import Iterator

import numpy as np
import pytest

from amcnet.data import Preprocessing
from amcnet.inference.sliding_windows import Windows, window_starts
from amcnet.inference.stream import has_contrast, mirrored, run_ahead, shifted, stream_logits


def blended(image: np.ndarray, window: int, overlap: float, network: object) -> np.ndarray:
    """All windows into one array, divided by the sum of weights."""
    padded = np.concatenate([image, image[-1:].repeat(max(0, window - len(image)), axis=0)])
    offsets = np.arange(window) - (window - 1) / 2
    weights = np.exp(-0.5 * (offsets / (0.25 * window)) ** 2)
    total, weight = 0.0, np.zeros(len(padded))
    for start in window_starts(len(padded), window, overlap):
        part = np.zeros((2, *padded.shape))
        logits = network(padded[None, start : start + window])
        part[:, start : start + window] = logits * weights[:, None, None]
        total = total + part
        weight[start : start + window] += weights
    return (total / weight[:, None, None])[:, : len(image)]


@pytest.mark.parametrize(
    ("length", "overlap"), [(37, 0.5), (10, 0.5), (3, 0.5), (23, 0.0), (30, 0.8)]
)
@pytest.mark.parametrize("ahead", [False, True])
def test_equals_blending_everything_at_once(length: int, overlap: float, ahead: bool) -> None:
    image = np.random.default_rng(length).standard_normal((length, 17, 16)).astype(np.float32)

    def network(window: np.ndarray) -> np.ndarray:
        # Depends on the whole window, as instance norm does.
        return np.concatenate([window - window.mean(), window * window.std()])

    slices = list(stream_logits(image[None], Windows(10, overlap, ahead=ahead), 2, network))
    expected = blended(image, 10, overlap, network)
    np.testing.assert_allclose(np.stack(slices, axis=1), expected, atol=1e-5)


def test_asks_for_one_window_at_a_time() -> None:
    shapes = []

    def network(window: np.ndarray) -> np.ndarray:
        shapes.append(window.shape)
        return window

    image = np.random.default_rng(0).standard_normal((1, 100, 16, 16)).astype(np.float32)
    stream = stream_logits(image, Windows(8, 0.5), 1, network)
    next(stream)
    assert shapes == [(1, 8, 16, 16)]
    for _ in stream:
        pass
    assert set(shapes) == {(1, 8, 16, 16)}


def test_logits_that_a_backend_writes_over_are_used_before() -> None:
    """Two buffers, in turn: a window's logits change with the call after next."""
    image = np.random.default_rng(0).standard_normal((1, 61, 16, 16)).astype(np.float32)
    buffers = [np.empty((1, 8, 16, 16), np.float32) for _ in range(2)]

    def network(window: np.ndarray) -> np.ndarray:
        buffers.reverse()
        buffers[0][:] = window
        return buffers[0]

    slices = list(stream_logits(image, Windows(8, 0.25, ahead=True), 1, network))
    np.testing.assert_allclose(np.stack(slices, axis=1), image, atol=1e-6)


@pytest.mark.parametrize("empty", [slice(0, 25), slice(60, 100), slice(30, 61), slice(0, 100)])
def test_windows_without_contrast_are_not_run(empty: slice) -> None:
    image = np.random.default_rng(0).standard_normal((1, 100, 16, 16)).astype(np.float32)
    image[:, empty] = -0.7
    ran = []

    def network(window: np.ndarray) -> np.ndarray:
        ran.append(window)
        return np.concatenate([window * 0, window * 0 + 1])

    slices = list(stream_logits(image, Windows(10, 0.5), 2, network))
    assert len(slices) == 100
    assert all(window.min() < window.max() for window in ran)
    winners = [plane.argmax(axis=0) for plane in slices]
    for index, winner in enumerate(winners):
        if not empty.start <= index < empty.stop:
            assert (winner == 1).all()
    assert not np.any(winners[empty.start + 9 : empty.stop - 9])
    starts = window_starts(100, 10, 0.5)
    flat = [start for start in starts if empty.start <= start <= empty.stop - 10]
    assert len(flat) > 1
    assert len(ran) == len(starts) - len(flat)


def test_mirror_image() -> None:
    def network(window: np.ndarray) -> np.ndarray:
        return window * np.arange(window.shape[2], dtype=np.float32)[:, None]

    window = np.random.default_rng(0).standard_normal((1, 3, 5, 4)).astype(np.float32)
    found = mirrored(network)(window)
    np.testing.assert_allclose(found, window * 2, atol=1e-6)  # the mean of 0 ... 4 and 4 ... 0


def test_a_moved_window_is_what_the_network_sees_further_on() -> None:
    def network(window: np.ndarray) -> np.ndarray:
        places = np.arange(window.shape[1] * window.shape[2] * window.shape[3], dtype=np.float32)
        return window + places.reshape(1, *window.shape[1:])

    window = np.random.default_rng(0).standard_normal((1, 3, 5, 4)).astype(np.float32)
    seen = []

    def counted(larger: np.ndarray) -> np.ndarray:
        seen.append(larger.shape)
        return network(larger)

    found = shifted(counted, Windows(3, shifts=((0, 0, 0), (1, 0, 2))))(window)
    near, far = np.zeros((2, 1, 4, 5, 6), np.float32)
    near[:, 1:, :, 2:] = window  # its near borders repeated
    near[:, 0, :, 2:] = window[:, 0]
    near[..., :2] = near[..., 2:3]
    far[:, :3, :, :4] = window
    far[:, 3, :, :4] = window[:, 2]
    far[..., 4:] = far[..., 3:4]
    expected = (network(near)[:, 1:, :, 2:] + network(far)[:, :3, :, :4]) / 2
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert seen == [(1, 4, 5, 6)] * 2  # a network is compiled for one shape


def test_alternating_directions_make_the_result_independent_of_the_direction() -> None:
    """With both shifts alike, a network that sees direction gives one result for both of them."""

    def network(window: np.ndarray) -> np.ndarray:
        ramp = np.arange(window.shape[1], dtype=np.float32).reshape(1, -1, 1, 1)
        return window * ramp + np.roll(window, 1, axis=1)

    windows = Windows(6, shifts=((0, 0, 0), (0, 0, 0)), alternate_scan=True)
    window = np.random.default_rng(0).standard_normal((1, 6, 5, 4)).astype(np.float32)
    reverse = np.ascontiguousarray(window[:, ::-1])
    forwards = shifted(network, windows)(window)
    np.testing.assert_allclose(shifted(network, windows)(reverse)[:, ::-1], forwards, atol=1e-5)
    one_way = Windows(6, shifts=((0, 0, 0), (0, 0, 0)))
    assert np.abs(shifted(network, one_way)(reverse)[:, ::-1] - forwards).max() > 0.1


def test_running_ahead_passes_errors_on() -> None:
    def source() -> Iterator[np.ndarray]:
        yield np.zeros(1, np.float32)
        raise ValueError("no more")

    items = run_ahead(source())
    assert next(items) == 0
    with pytest.raises(ValueError, match="no more"):
        next(items)


@pytest.mark.parametrize("grey", [37, 255])
def test_an_even_grey_has_no_contrast_after_resampling(grey: int) -> None:
    volume = np.full((20, 24, 20), grey, np.uint8)
    volume[:8] = np.random.default_rng(0).integers(0, 255, (8, 24, 20))
    image = Preprocessing(spacing_mm=(1.0, 0.7, 1.3)).apply(volume, (1.0, 1.0, 1.0))[None]
    assert has_contrast(image[:, 7:12])
    assert not has_contrast(image[:, 8:])
