import logging
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from amcnet.bundle import Bundle, load_bundle
from amcnet.bundle.formats.network import rebuild_network
from amcnet.errors import ModelError, NotEnoughMemoryError
from amcnet.inference import torch_engine, torch_stream
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.ensemble import averaged
from amcnet.inference.labelling import label_slices
from amcnet.inference.memory_fallback import Fallback, next_fallback
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import stream_logits
from amcnet.inference.torch_engine import TorchEngine

CLASSES = 39
SIZE, SHAPE = (13, 18, 15), (21, 31, 17)


@pytest.fixture(scope="module")
def bundles(small_bundle: Path, other_bundle: Path) -> list[Bundle]:
    return [load_bundle(small_bundle), load_bundle(other_bundle)]


@pytest.fixture(autouse=True, params=["as on a CPU", "as on a GPU"])
def labelling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs with both ways to make labels."""
    as_on_a_gpu = request.param == "as on a GPU"
    monkeypatch.setattr(torch_stream, "interpolates_all", lambda _: as_on_a_gpu)


def make_image(size: tuple[int, ...] = SIZE, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((channels, *size)).astype(np.float32)


def without_engine(
    image: np.ndarray,
    windows: Windows,
    logits_of: Callable[[np.ndarray], np.ndarray],
    shape: tuple[int, int, int] = SHAPE,
) -> tuple[np.ndarray, np.ndarray, dict[int, float]]:
    """Logits (scan, class, lateral, depth), labels and confidence by the route without PyTorch."""
    planes = list(stream_logits(image, windows, CLASSES, logits_of))
    meter = ConfidenceMeter(CLASSES)
    labels = label_slices(iter(planes), image.shape[1], shape, meter)
    return np.stack(planes), np.stack(list(labels)), meter.means()


def with_engine(
    engine: TorchEngine,
    image: np.ndarray,
    windows: Windows,
    shape: tuple[int, int, int] = SHAPE,
) -> tuple[np.ndarray, np.ndarray, dict[int, float]]:
    kept: list[np.ndarray] = []
    meter = ConfidenceMeter(CLASSES)
    labels = list(engine.label_slices(image, shape, windows, meter, kept.append))
    return np.stack(kept), np.stack(labels), meter.means()


def assert_same(
    found: tuple[np.ndarray, np.ndarray, dict[int, float]],
    expected: tuple[np.ndarray, np.ndarray, dict[int, float]],
) -> None:
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
    assert found[1].dtype == np.uint8
    assert found[1].shape == expected[1].shape
    assert (found[1] == expected[1]).mean() > 0.9995  # but for rounding
    assert len(np.unique(found[1])) > 3
    assert found[2] == pytest.approx(expected[2], abs=1e-3)


@pytest.mark.parametrize(
    ("size", "shape", "windows"),
    [
        (SIZE, SHAPE, Windows(8, 0.5)),
        (SIZE, SHAPE, Windows(8, 0.25)),
        (SIZE, SHAPE, Windows(8, 0.0)),
        ((17, 16, 19), (17, 40, 19), Windows(4, 0.5)),
        ((5, 9, 7), (11, 20, 7), Windows(8, 0.5)),
        ((12, 20, 16), (5, 11, 9), Windows(6, 0.3)),
        ((1, 16, 16), (3, 16, 16), Windows(8, 0.5)),
    ],
)
def test_equals_the_route_without_pytorch(
    bundles: list[Bundle],
    size: tuple[int, int, int],
    shape: tuple[int, int, int],
    windows: Windows,
    torch_network: Callable,
) -> None:
    image = make_image(size)
    found = with_engine(TorchEngine(bundles[:1], "cpu"), image, windows, shape)
    assert_same(found, without_engine(image, windows, torch_network(bundles[0].folder), shape))


def test_two_channels(two_channel_bundle: Path, torch_network: Callable) -> None:
    bundle = load_bundle(two_channel_bundle)
    image = make_image(channels=2)
    found = with_engine(TorchEngine([bundle], "cpu"), image, Windows(8))
    assert_same(found, without_engine(image, Windows(8), torch_network(bundle.folder)))


def test_mirror_is_the_mean_with_an_explicit_flip(
    bundles: list[Bundle], torch_network: Callable
) -> None:
    logits_of = torch_network(bundles[0].folder)

    def both(window: np.ndarray) -> np.ndarray:
        flipped = logits_of(np.ascontiguousarray(window[:, :, ::-1]))
        return (logits_of(window) + flipped[:, :, ::-1]) / 2

    image = make_image()
    plain = without_engine(image, Windows(8), logits_of)
    found = with_engine(TorchEngine(bundles[:1], "cpu"), image, Windows(8, mirror=True))
    assert_same(found, without_engine(image, Windows(8), both))
    assert np.abs(found[0] - plain[0]).max() > 0.01


def test_moved_windows_are_those_of_the_stream(
    bundles: list[Bundle], torch_network: Callable
) -> None:
    image = make_image()
    windows = Windows(8, mirror=True, shifts=((0, 0, 0), (1, 2, 1)), alternate_scan=True)
    found = with_engine(TorchEngine(bundles[:1], "cpu"), image, windows)
    assert_same(found, without_engine(image, windows, torch_network(bundles[0].folder)))
    plain = without_engine(image, Windows(8, mirror=True), torch_network(bundles[0].folder))
    assert np.abs(found[0] - plain[0]).max() > 0.001


def test_two_models_are_the_mean_of_their_logits(
    bundles: list[Bundle], torch_network: Callable
) -> None:
    image = make_image()
    mean = averaged([torch_network(bundle.folder) for bundle in bundles])
    found = with_engine(TorchEngine(bundles, "cpu"), image, Windows(8, 0.25))
    assert_same(found, without_engine(image, Windows(8, 0.25), mean))


def test_windows_without_contrast_are_background(
    bundles: list[Bundle], torch_network: Callable
) -> None:
    image = make_image()
    image[:, :10] = 0.5
    found = with_engine(TorchEngine(bundles[:1], "cpu"), image, Windows(8))
    assert_same(found, without_engine(image, Windows(8), torch_network(bundles[0].folder)))
    assert (found[0][:4, 0] == found[0][:4].max(axis=1)).all()


def test_an_engine_takes_one_volume_after_the_other(bundles: list[Bundle]) -> None:
    engine = TorchEngine(bundles[:1], "cpu")
    first = with_engine(engine, make_image(), Windows(8))
    seconds = engine.network_seconds
    assert seconds > 0
    assert_same(with_engine(engine, make_image(), Windows(8)), first)
    assert engine.network_seconds > seconds


def test_the_caller_is_not_left_in_inference_mode(bundles: list[Bundle]) -> None:
    engine = TorchEngine(bundles[:1], "cpu")
    for _ in engine.label_slices(make_image(), SHAPE, Windows(8), ConfidenceMeter(CLASSES)):
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there(bundles: list[Bundle], device: str) -> None:
    with pytest.raises(ModelError, match=f"device: found '{device}', expected one of cpu"):
        TorchEngine(bundles[:1], device)


class Short(nn.Module):
    """A network on a device with memory for so many slices, or that is short at some calls."""

    def __init__(self, network: nn.Module, most: int = 1000, failing: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.network, self.most, self.failing = network, most, failing
        self.calls: list[tuple[int, int]] = []
        self.images: list[weakref.ref[torch.Tensor]] = []
        self.alive: list[int] = []  # at each call, of the images of those before

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.alive.append(sum(earlier() is not None for earlier in self.images))
        self.images.append(weakref.ref(image))
        self.calls.append((image.shape[0], image.shape[2]))
        if image.shape[0] * image.shape[2] > self.most or len(self.calls) in self.failing:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.network(image)


def short_engine(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, most: int = 1000, failing: tuple[int, ...] = ()
) -> tuple[TorchEngine, Short]:
    network = Short(rebuild_network(bundle), most, failing)
    monkeypatch.setattr(torch_engine, "rebuild_network", lambda _: network)
    return TorchEngine([bundle], "cpu"), network


def test_windows_get_smaller_where_memory_is_short(
    bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = with_engine(TorchEngine(bundles[:1], "cpu"), make_image(), Windows(5, 0.5))
    engine, network = short_engine(bundles[0], monkeypatch, most=7)
    with caplog.at_level(logging.WARNING):
        assert_same(with_engine(engine, make_image(), Windows(20, 0.5)), expected)
    assert network.calls[:3] == [(1, 20), (1, 10), (1, 5)]
    assert set(network.calls[3:]) == {(1, 5)}
    assert not any(network.alive)
    assert caplog.messages == [
        "out of memory on cpu with windows of 20 slices: using windows of 10; "
        "the labels differ slightly",
        "out of memory on cpu with windows of 10 slices: using windows of 5; "
        "the labels differ slightly",
    ]


def test_the_mirror_image_runs_by_itself_first(
    bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    windows = Windows(8, mirror=True)
    expected = with_engine(TorchEngine(bundles[:1], "cpu"), make_image(), windows)
    engine, network = short_engine(bundles[0], monkeypatch, most=8)
    assert_same(with_engine(engine, make_image(), windows), expected)
    assert network.calls[0] == (2, 8)
    assert set(network.calls[1:]) == {(1, 8)}
    assert len(caplog.messages) == 1
    assert "separately" in caplog.text


def test_no_memory_at_all(bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch) -> None:
    engine, network = short_engine(bundles[0], monkeypatch, most=3)
    with pytest.raises(
        NotEnoughMemoryError, match=r"too little memory .* planes of 18 x 15, .* of 4 slices"
    ):
        with_engine(engine, make_image(), Windows(8))
    assert network.calls == [(1, 8), (1, 4)]


def test_a_volume_that_is_begun_again_goes_out_once(
    bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    image, windows = make_image((30, 16, 16)), Windows(8)
    expected = with_engine(TorchEngine(bundles[:1], "cpu"), image, windows)
    engine, network = short_engine(bundles[0], monkeypatch, failing=(4,))
    assert_same(with_engine(engine, image, windows), expected)
    assert set(network.calls) == {(1, 8)}
    assert caplog.messages == [
        "out of memory on cpu with windows of 8 slices in the middle of a volume: starting again"
    ]


def test_windows_do_not_change_in_the_middle_of_a_volume(
    bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, network = short_engine(bundles[0], monkeypatch, failing=(4, 7))
    with pytest.raises(NotEnoughMemoryError, match="too little memory"):
        with_engine(engine, make_image((30, 16, 16)), Windows(8))
    assert network.calls == [(1, 8)] * 7


def ways(windows: Windows, started: bool) -> list[tuple[str, int, bool]]:
    """All that is tried on a GPU that is always too small."""
    tried, way = [], Fallback(torch.device("cuda"), windows.slices)
    while way is not None:
        tried.append((way.device.type, way.slices, way.together))
        way = next_fallback(way, windows, started)
    return tried


def test_after_the_gpu_comes_the_cpu_with_the_windows_that_were_asked_for() -> None:
    assert ways(Windows(16, mirror=True), started=False)[:5] == [
        ("cuda", 16, True),
        ("cuda", 16, False),
        ("cuda", 8, False),
        ("cuda", 4, False),
        ("cpu", 16, False),
    ]


def test_a_volume_that_was_begun_ends_on_the_cpu_with_the_same_windows() -> None:
    tried = ways(Windows(16), started=True)
    assert tried == [("cuda", 16, True), ("cuda", 16, False), ("cpu", 16, False)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_nearly_the_same(bundles: list[Bundle]) -> None:
    image, windows = make_image((24, 40, 32)), Windows(8, mirror=True)
    on_cpu = with_engine(TorchEngine(bundles, "cpu"), image, windows)
    on_gpu = with_engine(TorchEngine(bundles, "cuda"), image, windows)
    scale = np.abs(on_cpu[0]).max()
    np.testing.assert_allclose(on_gpu[0], on_cpu[0], atol=0.03 * scale)
    assert (on_gpu[1] == on_cpu[1]).mean() > 0.9
