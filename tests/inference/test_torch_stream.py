import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from amcnet.inference import torch_stream
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import stream_logits
from amcnet.inference.torch_stream import (
    Blend,
    DeviceMeter,
    Downloads,
    Labeller,
    Stopwatch,
    in_batches,
    winners_on_device,
)

CPU = torch.device("cpu")


def noise(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def labels_of(logits: torch.Tensor, shape: tuple[int, int, int], batch: int) -> np.ndarray:
    """The labels of logits (class, scan, lateral, depth), some slices at a time."""
    labeller = Labeller(logits.shape[1], shape, CPU)
    parts = [p for planes in logits.swapaxes(0, 1).split(batch) for p in labeller.add(planes)]
    return torch.cat(parts).numpy()


@pytest.mark.parametrize("work_bytes", [1, 20_000, 2**26])
@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((5, 9, 7), (5, 9, 7)),
        ((5, 9, 7), (14, 23, 31)),
        ((7, 11, 13), (7, 40, 13)),
        ((1, 3, 1), (5, 7, 9)),
        ((9, 10, 8), (4, 5, 3)),
        ((8, 6, 5), (1, 6, 5)),
    ],
)
def test_labels_equal_the_dense_route(
    size: tuple[int, int, int],
    shape: tuple[int, int, int],
    work_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_stream, "_WORK_BYTES", work_bytes)
    logits = noise(6, *size)
    dense = interpolate(logits[None], size=shape, mode="trilinear")[0].argmax(dim=0)
    for batch in (1, 3):
        found = labels_of(logits, shape, batch)
        assert found.dtype == np.uint8
        assert np.array_equal(found, dense)


@given(
    size=st.tuples(*[st.integers(1, 7)] * 3),
    shape=st.tuples(*[st.integers(1, 12)] * 3),
    batch=st.integers(1, 4),
)
@settings(max_examples=40)
def test_labels_of_any_size_equal_the_dense_route(
    size: tuple[int, int, int], shape: tuple[int, int, int], batch: int
) -> None:
    logits = noise(4, *size)
    dense = interpolate(logits[None].double(), size=shape, mode="trilinear")[0]
    found = labels_of(logits, shape, batch)
    # Where rounding decides, either class may win.
    won = np.take_along_axis(dense.numpy(), found[None].astype(np.int64), axis=0)
    np.testing.assert_allclose(won[0], dense.amax(dim=0), atol=1e-5)


def test_of_equal_logits_the_lower_class_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = torch.zeros(1, 5, 2, 2)
    planes[:, 2:4] = 1.0
    for work_bytes in (1, 2**26):
        monkeypatch.setattr(torch_stream, "_WORK_BYTES", work_bytes)
        assert (winners_on_device(planes, (3, 5)) == 2).all()


def test_256_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = torch.diag(torch.ones(256)).reshape(1, 256, 16, 16)
    for work_bytes in (1, 2**26):
        monkeypatch.setattr(torch_stream, "_WORK_BYTES", work_bytes)
        assert torch.equal(
            winners_on_device(planes, (16, 16)).flatten(), torch.arange(256).to(torch.uint8)
        )


@pytest.mark.parametrize(
    ("length", "slices", "overlap"),
    [(37, 10, 0.5), (10, 10, 0.5), (3, 10, 0.5), (23, 8, 0.0), (30, 10, 0.8), (19, 7, 0.25)],
)
def test_blends_as_the_route_without_pytorch(length: int, slices: int, overlap: float) -> None:
    image = noise(1, length, 16, 16, seed=length)

    def network(window: torch.Tensor) -> torch.Tensor:
        # Depends on the whole window, as instance norm does.
        return torch.cat([window - window.mean(), window * window.std()])

    blend = Blend(Windows(slices, overlap), length, CPU)
    parts = []
    for number, start in enumerate(blend.starts):
        window = image[:, start : start + slices]
        missing = slices - window.shape[1]
        window = torch.cat([window, window[:, -1:].expand(-1, max(0, missing), -1, -1)], dim=1)
        parts.append(blend.add(number, network(window)))
    expected = stream_logits(
        image.numpy(),
        Windows(slices, overlap),
        2,
        lambda part: network(torch.from_numpy(part)).numpy(),
    )
    np.testing.assert_allclose(torch.cat(parts), np.stack(list(expected)), atol=1e-5)


def test_logits_of_16_bits_are_blended_in_32() -> None:
    logits = noise(3, 8, 4, 4)
    blend = Blend(Windows(8, 0.5), 8, CPU)
    blended = blend.add(0, logits.bfloat16())
    assert blended.dtype == torch.float32
    np.testing.assert_allclose(blended.swapaxes(0, 1), logits.bfloat16().float(), rtol=1e-6)


def test_confidence_is_that_of_softmax() -> None:
    planes = noise(7, 5, 6, 4) * 3
    counted = DeviceMeter(5, CPU)
    for batch in planes.split(3):
        counted.add(batch)
    meter = ConfidenceMeter(5)
    counted.report_to(meter)
    probability, winner = planes.softmax(dim=1).max(dim=1)
    expected = {c: float(probability[winner == c].double().mean()) for c in range(1, 5)}
    assert meter.means() == pytest.approx(expected, rel=1e-6)
    on_host = ConfidenceMeter(5)
    for plane in planes.numpy():
        on_host.add(plane, plane.argmax(axis=0).astype(np.uint8))
    assert meter.expected_dice() == pytest.approx(on_host.expected_dice(), rel=1e-5)


def test_skipped_slices_do_not_arrive() -> None:
    values = torch.arange(10).reshape(10, 1, 1)
    downloads = Downloads(behind=2, skip=4)
    arrived = [p.item() for batch in values.split(3) for p in downloads.push(batch)]
    arrived += [p.item() for p in downloads.rest()]
    assert arrived == [4, 5, 6, 7, 8, 9]


def test_arrived_slices_are_nobody_elses() -> None:
    batch = torch.zeros(2, 3, 3)
    first, second = Downloads(behind=0, skip=0).push(batch)
    first += 1
    assert not batch.any()
    assert not second.any()


def test_a_stopwatch_counts_what_is_inside() -> None:
    watch = Stopwatch(CPU)
    start = time.perf_counter()
    for _ in range(2):
        with watch.running():
            time.sleep(0.02)
        time.sleep(0.05)
    assert 0.04 <= watch.seconds() <= time.perf_counter() - start - 0.1


def test_batches_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = noise(7, 3, 4, 5)
    monkeypatch.setattr(torch_stream, "_WORK_BYTES", 2 * 4 * 3 * 4 * 5)
    batches = list(in_batches(planes))
    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    assert torch.equal(torch.cat(batches), planes)
