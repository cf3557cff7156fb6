"""Pooled Dice of many windows, from voxel counts."""

import torch
from torch import Tensor

from amcnet.anatomy import IGNORE, LabelTable


class OverlapCounter:
    """Counts voxels per class, without ignored voxels.

    Attributes:
        counts: Overlap, predicted and actual voxels of every class, (3, class).
    """

    def __init__(self, table: LabelTable) -> None:
        self._table = table
        self.counts = torch.zeros(3, table.num_classes, dtype=torch.long)

    def add(self, predicted: Tensor, actual: Tensor) -> None:
        """Count the voxels of two label maps of the same shape."""
        judged = actual != IGNORE
        predicted, actual = predicted[judged].long(), actual[judged].long()
        classes = self._table.num_classes
        parts = (actual[predicted == actual], predicted, actual)
        self.counts += torch.stack([torch.bincount(p, minlength=classes) for p in parts]).cpu()

    def scores(self) -> dict[str, float]:
        """Return the mean Dice of the structures that occur: ``dice``, and one for each kind."""
        overlap, predicted, actual = self.counts.double()
        dice = 2 * overlap / (predicted + actual).clamp_min(1)
        present = actual > 0
        present[0] = False
        groups = {"dice": present}
        if len(self._table.kinds) > 1:
            for kind in self._table.kinds:
                of_kind = torch.zeros_like(present)
                of_kind[list(self._table.values_of_kind(kind))] = True
                groups[f"dice_{kind}"] = of_kind & present
        # An empty mean is 0: from the first epoch on, the best checkpoint is chosen by "dice".
        return {
            name: float(dice[group].mean()) if group.any() else 0.0
            for name, group in groups.items()
            if name == "dice" or group.any()
        }

    def reset(self) -> None:
        """Reset all counts."""
        self.counts = torch.zeros_like(self.counts)
