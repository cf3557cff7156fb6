"""Windows as PyTorch data sets, and the order in which they are drawn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from numpy.random import SeedSequence, default_rng
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset, Sampler

from amcnet.anatomy import IGNORE
from amcnet.data.prepared_store import PreparedCase
from amcnet.data.window_sampler import WindowSampler, even_windows, random_box

_CROP = 2  # separates these seeds from those of the windows and of the augmentation


class Batch(NamedTuple):
    """A batch of windows.

    Attributes:
        image: Float (batch, channel, scan, lateral, depth).
        labels: uint8 (batch, scan, lateral, depth).
        number: Index of each window in the run, (batch,).
    """

    image: Tensor
    labels: Tensor
    number: Tensor


class TrainingWindows(Dataset[Batch]):
    """All windows of a run; window ``i`` is the same in every run.

    Args:
        sampler: Draws the windows.
        crop: Probability that a window is cropped to a random box, and the smallest fraction of
            each axis that the box keeps: scans of other devices have other borders.
    """

    def __init__(self, sampler: WindowSampler, crop: tuple[float, float] = (0, 1)) -> None:
        self.sampler = sampler
        self.crop = crop

    def __getitem__(self, index: int) -> Batch:
        image, labels = self.sampler(index)
        probability, smallest = self.crop
        rng = default_rng(SeedSequence(self.sampler.seed, spawn_key=(index, _CROP)))
        if rng.random() < probability:
            box = random_box(labels.shape, smallest, rng)
            image, labels = image[:, *box], labels[box]
        return Batch(torch.from_numpy(image), torch.from_numpy(labels), torch.tensor(index))


@dataclass(frozen=True)
class Share:
    """Index of this process."""

    rank: int = 0
    of: int = 1


class WindowOrder(Sampler[list[int]]):
    """The windows of an epoch, batch by batch, as a function of the completed steps.

    The windows depend on nothing else: a run that is resumed within an epoch continues with the
    rest of that epoch, and the processes of a run never draw the same window.

    Args:
        batches_done: Returns the number of batches that each process has drawn since the start of
            the run.
        epoch_began: Returns that number at the start of the epoch; it is not a multiple of
            ``batches`` if a run that ended within an epoch was given more time.
        batches: Number of batches in an epoch.
        batch_size: Number of windows in a batch.
        share: The share of this process.
    """

    def __init__(
        self,
        batches_done: Callable[[], int],
        epoch_began: Callable[[], int],
        batches: int,
        batch_size: int,
        share: Share,
    ) -> None:
        self.batches_done = batches_done
        self.epoch_began = epoch_began
        self.batches = batches
        self.batch_size = batch_size
        self.share = share

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        first = self.batches_done()
        last = first - (first - self.epoch_began()) % self.batches + self.batches
        for batch in range(first, last):
            start = (batch * self.share.of + self.share.rank) * self.batch_size
            yield list(range(start, start + self.batch_size))


class ValidationWindows(Dataset[Batch]):
    """Evenly spaced windows of every held-out case, unchanged and shared by the processes."""

    def __init__(
        self, cases: tuple[PreparedCase, ...], window: int, per_case: int, share: Share
    ) -> None:
        self.window = window
        per_case = max(
            per_case, -(-share.of // max(1, len(cases)))
        )  # every process gets at least one
        windows = [
            (case, start) for case in cases for start in even_windows(case, window, per_case)
        ]
        self.windows = windows[share.rank :: share.of]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Batch:
        case, start = self.windows[index]
        image, labels = case.slab(start, self.window)
        return Batch(torch.from_numpy(image), torch.from_numpy(labels), torch.tensor(index))


def collate_windows(windows: list[Batch]) -> Batch:
    """Stack windows; smaller ones are padded.

    The image border is repeated there, and labels have the ignore value.
    """
    sizes = [window.labels.shape for window in windows]
    size = torch.Size(max(axis) for axis in zip(*sizes, strict=True))
    padded = [_pad(window, size) for window in windows]
    return Batch(*(torch.stack(parts) for parts in zip(*padded, strict=True)))


def _pad(window: Batch, size: torch.Size) -> Batch:
    missing = [full - n for full, n in zip(size, window.labels.shape, strict=True)]
    if not any(missing):
        return window
    scan, lateral, depth = missing
    after = (0, depth, 0, lateral, 0, scan)  # PyTorch counts from the last axis
    image = functional.pad(window.image, after, mode="replicate")
    return Batch(image, functional.pad(window.labels, after, value=IGNORE), window.number)
