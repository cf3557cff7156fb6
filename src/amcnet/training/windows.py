"""Windows as PyTorch data sets."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from amcnet.data.patches import PatchSampler, PreparedCase, cut_window


class TrainingWindows(Dataset[tuple[Tensor, Tensor]]):
    """The windows of one epoch; window ``i`` of epoch ``e`` is the same in every run."""

    def __init__(self, sampler: PatchSampler, epoch: int, length: int) -> None:
        self.sampler = sampler
        self.offset = epoch * length
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, labels = self.sampler(self.offset + index)
        return torch.from_numpy(image), torch.from_numpy(labels)


class ValidationWindows(Dataset[tuple[Tensor, Tensor]]):
    """Evenly spaced windows of every held-out case, unchanged."""

    def __init__(self, cases: tuple[PreparedCase, ...], window: int, per_case: int) -> None:
        self.cases = cases
        self.window = window
        self.per_case = per_case

    def __len__(self) -> int:
        return len(self.cases) * self.per_case

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        case, position = self.cases[index // self.per_case], index % self.per_case
        last = max(0, len(case.image) - self.window)
        start = round(last * (position + 0.5) / self.per_case)
        image, labels = cut_window(case, start, self.window)
        return torch.from_numpy(image[None]), torch.from_numpy(labels)
