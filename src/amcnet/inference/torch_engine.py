"""The PyTorch engine: network, blending and labelling on a GPU or the CPU."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from amcnet.bundle import Bundle
from amcnet.bundle.formats.network import rebuild_network
from amcnet.errors import ModelError, NotEnoughMemoryError, count_text
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.engine import LogitsCallback
from amcnet.inference.memory_fallback import Fallback, next_fallback
from amcnet.inference.sliding_windows import IntTriple, Windows
from amcnet.inference.stream import SURE, has_contrast
from amcnet.inference.torch_stream import (
    Blend,
    DeviceMeter,
    Downloads,
    Stopwatch,
    in_batches,
    make_labels,
)
from amcnet.parallel import Progress, no_progress

_COPIES_BEHIND = 2  # batches of logits in transfer from a GPU; they are large


def best_device() -> torch.device:
    """Return the GPU if CUDA can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass
class _Volume:
    """A volume in progress, with the number of slices yielded so far."""

    image: NDArray[np.float32]
    shape: tuple[int, int, int]
    windows: Windows
    meter: ConfidenceMeter
    logits_callback: LogitsCallback | None
    network_progress: Progress
    labelled: int = 0
    kept: int = 0

    @property
    def started(self) -> bool:
        """Whether any slice has been yielded."""
        return self.labelled + self.kept > 0


class TorchEngine:
    """Engine that runs the network, blending and labelling in PyTorch on one device.

    On an NVIDIA GPU, the network runs in bfloat16 (float16 if the GPU has no bfloat16) and the rest
    in float32. On other devices, everything runs in float32.

    When memory runs out, a window and its mirror image are first run separately, then windows
    become smaller (which changes the labels slightly, because instance norm depends on the window),
    and finally the CPU is used. All windows of a volume have the same size.

    Args:
        bundles: The model, or the members of an ensemble, see
            :func:`amcnet.inference.ensemble.check_members`.
        device: Such as ``cuda``, ``cuda:1``, ``mps``, ``xpu`` or ``cpu``; None is the GPU if CUDA
            can use one, else the CPU.

    Attributes:
        network_seconds: Seconds spent in the networks for the completed volumes.

    Raises:
        ModelError: If the device cannot be used.
    """

    def __init__(self, bundles: Sequence[Bundle], device: str | None = None) -> None:
        self._device = best_device() if device is None else _usable(device)
        self._networks = [rebuild_network(bundle) for bundle in bundles]
        self._classes = bundles[0].description.architecture.num_classes
        self.network_seconds = 0.0

    def label_slices(
        self,
        image: NDArray[np.float32],
        shape: tuple[int, int, int],
        windows: Windows,
        meter: ConfidenceMeter,
        logits_callback: LogitsCallback | None = None,
        network_progress: Progress = no_progress,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the labels of every slice, see :meth:`Engine.label_slices`.

        Raises:
            NotEnoughMemoryError: If memory does not suffice for the smallest windows either.
        """
        volume = _Volume(image, shape, windows, meter, logits_callback, network_progress)
        attempt: Fallback | None = Fallback(self._device, windows.slices)
        while attempt is not None:
            try:
                self._move_networks(attempt.device)
                yield from self._run(volume, attempt)
                return
            except RuntimeError as error:  # torch.OutOfMemoryError, except on Apple's GPUs
                if not _is_out_of_memory(error):
                    raise
            # Outside the except block, nothing refers to the tensors any more.
            if attempt.device.type == "cuda":
                torch.cuda.empty_cache()
            attempt = next_fallback(attempt, windows, volume.started)
        plane = " x ".join(str(n) for n in image.shape[2:])
        raise NotEnoughMemoryError(
            f"found too little memory for the network on planes of {plane}, expected enough for "
            f"windows of {count_text(min(windows.slices, windows.least_shape[0]), 'slice')}"
        )

    def _move_networks(self, device: torch.device) -> None:
        for network in self._networks:
            order = gpu_order(network) if device.type == "cuda" else torch.contiguous_format
            network.to(device=device, memory_format=order)  # type: ignore[call-overload]

    @torch.inference_mode()
    def _run(self, volume: _Volume, attempt: Fallback) -> Iterator[NDArray[np.uint8]]:
        """Yield the labels that have not been yielded yet."""
        aside = _Aside(volume, self._classes, attempt.device)
        watch = Stopwatch(attempt.device)
        final = self._final_logits(volume, attempt, aside, watch)
        labels = make_labels(final, volume.image.shape[1], volume.shape, attempt.device)
        for plane in islice(labels, volume.labelled, None):
            volume.labelled += 1
            yield plane
        aside.finish()
        self.network_seconds += watch.seconds()

    def _final_logits(
        self, volume: _Volume, attempt: Fallback, aside: "_Aside", watch: Stopwatch
    ) -> Iterator[Tensor]:
        """Yield the logits of all slices, a few (scan, class, lateral, depth) at a time."""
        length, lateral, depth = volume.image.shape[1:]
        blend = Blend(replace(volume.windows, slices=attempt.slices), length, attempt.device)
        volume.network_progress(0, len(blend.starts))
        for number, start in enumerate(blend.starts):
            part = volume.image[:, start : start + attempt.slices]
            window = _window(part, attempt, volume.windows.least_shape[1:])
            with watch.running():
                if has_contrast(part):
                    logits = self._logits(window, volume.windows, attempt.together)
                else:
                    logits = torch.zeros((self._classes, *window.shape[1:]), device=attempt.device)
                    logits[0] = SURE
            volume.network_progress(number + 1, len(blend.starts))
            # A variable for the final slices would keep them alive while the network runs again.
            yield from aside.see(blend.add(number, logits[..., :lateral, :depth]))
            del logits

    def _logits(self, window: Tensor, windows: Windows, together: bool) -> Tensor:
        """Return the mean logits of all networks, float32 (class, scan, lateral, depth)."""
        images = torch.stack([window, window.flip(2)]) if windows.mirror else window[None]
        batches = torch.split(images, len(images) if together else 1)
        on_gpu = images.device.type == "cuda"
        runs = list(product(self._networks, windows.views))
        with torch.autocast(images.device.type, _precision(images.device), on_gpu):
            total = _mean_logits(*runs[0], windows.furthest, batches)
            for network, view in runs[1:]:
                total += _mean_logits(network, view, windows.furthest, batches)
        return total.div_(len(runs))


class _Aside:
    """Passes final logits through, measures confidence and sends copies to the logits callback."""

    def __init__(self, volume: _Volume, num_classes: int, device: torch.device) -> None:
        self._volume = volume
        self._meter = DeviceMeter(num_classes, device)
        self._copies = Downloads(_COPIES_BEHIND, skip=volume.kept)

    def see(self, final: Tensor) -> Iterator[Tensor]:
        """Receive slices (scan, class, lateral, depth) and yield them a few at a time."""
        for planes in in_batches(final):
            self._meter.add(planes)
            if self._volume.logits_callback is not None:
                self._hand_out(self._copies.push(planes), self._volume.logits_callback)
            yield planes

    def finish(self) -> None:
        """Send the remaining slices to the callback."""
        if self._volume.logits_callback is not None:
            self._hand_out(self._copies.rest(), self._volume.logits_callback)
        self._meter.report_to(self._volume.meter)

    def _hand_out(self, planes: Iterator[NDArray[np.float32]], callback: LogitsCallback) -> None:
        for plane in planes:
            self._volume.kept += 1
            callback(plane)


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)


def gpu_order(network: nn.Module) -> torch.memory_format:
    """Return the memory format in which the network's convolutions run fast on a GPU.

    With some versions of cuDNN, 16-bit 3D convolutions are fast only in channels-last format.
    """
    is_3d = any(weight.ndim == 5 for weight in network.parameters())
    return torch.channels_last_3d if is_3d else torch.channels_last


def _usable(name: str) -> torch.device:
    """Return the device with this name."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        known = ", ".join(_known_devices())
        raise ModelError(f"device: found '{name}', expected one of {known}") from error
    return device


def _known_devices() -> list[str]:
    """Return the names of the devices that PyTorch can use here."""
    names = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    names += ["mps"] if torch.backends.mps.is_available() else []
    names += [f"xpu:{n}" for n in range(torch.xpu.device_count())]
    return names


def _precision(device: torch.device) -> torch.dtype:
    """Return the dtype of the network's convolutions."""
    if device.type != "cuda":
        return torch.float32
    # As in training; float16 has finer steps, but a convolution may exceed its range.
    ampere = torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.bfloat16 if ampere else torch.float16


def _window(part: NDArray[np.float32], attempt: Fallback, least_plane: tuple[int, int]) -> Tensor:
    """Return a window (channel, scan, lateral, depth) on the device, its border repeated."""
    host = torch.empty(part.shape, dtype=torch.float32, pin_memory=attempt.device.type == "cuda")
    np.copyto(host.numpy(), part)
    window = host.to(attempt.device, non_blocking=True)
    smallest = (attempt.slices, *least_plane)
    missing = [max(0, size - n) for n, size in zip(part.shape[1:], smallest, strict=True)]
    if not any(missing):
        return window
    scan, lateral, depth = missing
    return functional.pad(window[None], (0, depth, 0, lateral, 0, scan), mode="replicate")[0]


def _mean_logits(
    network: nn.Module, view: tuple[IntTriple, bool], furthest: IntTriple, batches: Sequence[Tensor]
) -> Tensor:
    """Return the logits of a shifted window, averaged with those of its mirror image if present."""
    shift, reverse = view
    borders = [(near, far - near) for near, far in zip(shift, furthest, strict=True)]
    around = [size for pair in reversed(borders) for size in pair]
    moved = [functional.pad(batch, around, mode="replicate") for batch in batches]
    if reverse:
        logits = torch.cat([network(batch.flip(2)) for batch in moved]).flip(2).float()
    else:
        logits = torch.cat([network(batch) for batch in moved]).float()
    inside = (
        slice(near, near + size) for near, size in zip(shift, batches[0].shape[2:], strict=True)
    )
    logits = logits[(slice(None), slice(None), *inside)]
    if len(logits) == 1:
        return logits[0]
    return (logits[0] + logits[1].flip(2)).mul_(0.5)
