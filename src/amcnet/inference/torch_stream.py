"""Turn the logits of windows into labels with PyTorch, on the device of the network.

On a GPU, it waits only for copies to the host that were started some time ago.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from amcnet.inference.confidence import NEAR_LOGITS, ConfidenceMeter
from amcnet.inference.labelling import label_slices
from amcnet.inference.sliding_windows import Windows, window_starts, window_weights

_WORK_BYTES = 64 * 2**20  # of intermediate results: enough to keep a GPU busy
_WINNER_BYTES = 32  # bytes per labelled voxel in addition to its logits
_LABELS_BEHIND = 8  # batches of labels in transfer from a GPU: about as many as one window yields


class Blend:
    """Blends the logits of overlapping windows, see :func:`amcnet.inference.stream.stream_logits`.

    Args:
        windows: Size and overlap of the windows.
        length: Slices of the volume; a volume shorter than a window counts as padded.
        device: Where the logits are.

    Attributes:
        starts: First slices of the windows.
    """

    def __init__(self, windows: Windows, length: int, device: torch.device) -> None:
        padded = max(length, windows.slices)
        self.starts = window_starts(padded, windows.slices, windows.overlap)
        self._following = [*self.starts[1:], length]
        shares = window_weights(self.starts, windows.slices)
        self._shares = torch.from_numpy(np.stack(shares)).to(device)
        self._carry: Tensor | None = None

    def add(self, number: int, logits: Tensor) -> Tensor:
        """Add the next window and return the slices that no later window covers.

        Args:
            number: Index of the window.
            logits: (class, scan, lateral, depth), any float type.

        Returns:
            float32 (scan, class, lateral, depth).
        """
        by_slice = logits.transpose(0, 1)
        part = torch.empty(by_slice.shape, dtype=torch.float32, device=logits.device)
        torch.mul(by_slice, self._shares[number, :, None, None, None], out=part)
        if self._carry is not None:
            part[: len(self._carry)] += self._carry
        final = self._following[number] - self.starts[number]
        # A copy, so that the whole window is not kept alive while the network runs on the next one.
        self._carry = part[final:].clone()
        return part[:final]


class Labeller:
    """Turns the final logits of slices into labels of another size, several slices at a time.

    Labels are the arg-max of the linearly interpolated logits; the lower class wins a tie; see
    :func:`amcnet.inference.labelling.label_slices`.

    Args:
        length: Slices of the network's grid.
        shape: Shape of the labels, (scan, lateral, depth).
        device: Where the logits are.
    """

    def __init__(self, length: int, shape: tuple[int, int, int], device: torch.device) -> None:
        positions = (np.arange(shape[0]) + 0.5) * (length / shape[0]) - 0.5
        positions = np.clip(positions, 0, length - 1)
        self._lower = positions.astype(np.intp)
        weights = (positions - self._lower).astype(np.float32)
        self._upper = self._lower + (weights > 0)
        self._weights = torch.from_numpy(weights).to(device)
        self._interpolates = bool(weights.any())
        self._plane = shape[1:]
        self._batch = max(1, _WORK_BYTES // (_WINNER_BYTES * shape[1] * shape[2]))
        self._held: dict[int, Tensor] = {}
        self._seen = self._done = 0

    def add(self, planes: Tensor) -> Iterator[Tensor]:
        """Receive the next slices and yield the labels that they complete.

        Args:
            planes: float32 (scan, class, lateral, depth).

        Yields:
            uint8 (scan, lateral, depth), in order.
        """
        for plane in planes:
            self._held[self._seen] = plane
            self._seen += 1
        ready = int(np.searchsorted(self._upper, self._seen))
        for start in range(self._done, ready, self._batch):
            yield winners_on_device(
                self._between(start, min(start + self._batch, ready)), self._plane
            )
        self._done = ready
        oldest = self._lower[ready] if ready < len(self._lower) else self._seen
        # Copies, so that the rest of their windows is not kept alive.
        self._held = {n: plane.clone() for n, plane in self._held.items() if n >= oldest}

    def _between(self, start: int, stop: int) -> Tensor:
        """Return the logits of some of the result's slices, on the network's plane."""
        lower = torch.stack([self._held[int(n)] for n in self._lower[start:stop]])
        if not self._interpolates:
            return lower
        upper = torch.stack([self._held[int(n)] for n in self._upper[start:stop]])
        return lower.lerp_(upper, self._weights[start:stop, None, None, None])


def winners_on_device(planes: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return the arg-max of planes of logits interpolated to another size.

    A few classes are interpolated at a time.

    Args:
        planes: (scan, class, lateral, depth), at most 256 classes.
        shape: Size of the result, (lateral, depth).

    Returns:
        uint8 (scan, lateral, depth).
    """
    step = max(1, _WORK_BYTES // (4 * len(planes) * shape[0] * shape[1]))
    best, labels = _winners_of(planes[:, :step], shape)
    for first in range(step, planes.shape[1], step):
        highest, winner = _winners_of(planes[:, first : first + step], shape)
        higher = highest > best
        labels = torch.where(higher, winner + first, labels)
        best = torch.maximum(best, highest)
    return labels


def _winners_of(planes: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    full = functional.interpolate(planes, size=shape, mode="bilinear", align_corners=False)
    highest, winner = full.max(dim=1)
    return highest, winner.to(torch.uint8)


def make_labels(
    final: Iterator[Tensor], length: int, shape: tuple[int, int, int], device: torch.device
) -> Iterator[NDArray[np.uint8]]:
    """Yield the labels of every slice of a volume, on the host.

    Args:
        final: The final logits, several slices (scan, class, lateral, depth) at a time.
        length: Slices of the network's grid.
        shape: Shape of the labels, (scan, lateral, depth).
        device: Where the logits are.

    Yields:
        uint8 (lateral, depth), ``shape[0]`` times.
    """
    if not interpolates_all(device):
        yield from label_slices((p for batch in final for p in batch.numpy()), length, shape)
        return
    labeller, downloads = Labeller(length, shape, device), Downloads(_LABELS_BEHIND)
    # A variable for the logits would keep them alive while the network runs on the next window.
    for labels in chain.from_iterable(map(labeller.add, final)):
        yield from downloads.push(labels)
    yield from downloads.rest()


def interpolates_all(device: torch.device) -> bool:
    """Return whether a device interpolates all classes at all voxels.

    A CPU is many times faster when it interpolates only where classes meet.
    """
    return device.type != "cpu"


class DeviceMeter:
    """Accumulate the confidence on the device, for a :class:`ConfidenceMeter`.

    Args:
        num_classes: Classes, background included.
        device: Where the logits are.
    """

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self._count = torch.zeros(num_classes, dtype=torch.int64, device=device)
        # Apple's GPUs have no float64.
        self._float = torch.float32 if device.type == "mps" else torch.float64
        self._won = torch.zeros(num_classes, dtype=self._float, device=device)
        self._all = torch.zeros(num_classes, dtype=self._float, device=device)

    def add(self, planes: Tensor) -> None:
        """Count slices, float32 (scan, class, lateral, depth)."""
        highest, winner = planes.max(dim=1, keepdim=True)
        near = planes[:, 0] - planes[:, 1:].amax(dim=1) < NEAR_LOGITS
        probabilities = (planes - highest).exp_()
        probabilities /= probabilities.sum(dim=1, keepdim=True)
        own = probabilities.gather(1, winner).flatten(0, 2).to(self._float)
        rows = winner.flatten(0, 2)
        # Sum each row first: a GPU serialises additions to the same address.
        size = (len(rows), len(self._count))
        count = torch.zeros(size, dtype=torch.int64, device=rows.device)
        self._count += count.scatter_add_(1, rows, torch.ones_like(rows)).sum(dim=0)
        won = torch.zeros(size, dtype=self._float, device=rows.device)
        self._won += won.scatter_add_(1, rows, own).sum(dim=0)
        probabilities *= near[:, None]
        self._all += probabilities.sum(dim=(2, 3)).to(self._float).sum(dim=0)

    def report_to(self, meter: ConfidenceMeter) -> None:
        """Wait for the device and add the counts to a meter on the host."""
        won, everywhere = (total.cpu().double().numpy() for total in (self._won, self._all))
        meter.add_totals(self._count.cpu().numpy(), won, everywhere)


class Downloads:
    """Copies slices to the host while the device continues to work.

    Args:
        behind: Number of batches in transfer before the oldest is waited for.
        skip: Number of slices to drop at the beginning.
    """

    def __init__(self, behind: int, skip: int = 0) -> None:
        self._behind = behind
        self._skip = skip
        self._pending: deque[tuple[Tensor, torch.cuda.Event | None]] = deque()

    def push(self, batch: Tensor) -> Iterator[NDArray[Any]]:
        """Start copying a batch of slices and yield the slices that have arrived, in order."""
        unwanted = min(self._skip, len(batch))
        self._skip -= unwanted
        batch = batch[unwanted:]
        if batch.device.type == "cuda":
            host = torch.empty(batch.shape, dtype=batch.dtype, pin_memory=True)
            host.copy_(batch, non_blocking=True)
            copied = torch.cuda.current_stream(batch.device).record_event()
            self._pending.append((host, copied))
            yield from self._arrived(self._behind)
        else:
            self._pending.append((batch.cpu(), None))
            yield from self._arrived(0)

    def rest(self) -> Iterator[NDArray[Any]]:
        """Yield the remaining slices."""
        yield from self._arrived(0)

    def _arrived(self, behind: int) -> Iterator[NDArray[Any]]:
        while len(self._pending) > behind:
            host, copied = self._pending.popleft()
            if copied is not None:
                copied.synchronize()
            for plane in host.numpy():
                yield plane.copy()  # pinned memory is scarce and therefore reused


class Stopwatch:
    """Accumulates the time that a device spends in a block of code, without synchronising.

    Args:
        device: The device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds = 0.0
        self._spans: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the time of the enclosed block."""
        if self._device.type == "cuda":
            stream = torch.cuda.current_stream(self._device)
            start, stop = (
                torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
                for _ in range(2)
            )
            start.record(stream)
            yield
            stop.record(stream)
            self._spans.append((start, stop))
        else:
            began = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - began

    def seconds(self) -> float:
        """Wait for the device and return the time so far, in seconds."""
        if self._spans:
            self._spans[-1][1].synchronize()
        milliseconds = sum(float(start.elapsed_time(stop)) for start, stop in self._spans)
        return self._seconds + milliseconds / 1000


def in_batches(planes: Tensor) -> Iterator[Tensor]:
    """Yield slices (scan, class, lateral, depth) a few at a time."""
    slice_bytes = planes[0].numel() * planes.element_size()
    yield from torch.split(planes, max(1, _WORK_BYTES // slice_bytes))
