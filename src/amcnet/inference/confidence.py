"""How sure the network was of each structure, accumulated slice by slice."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class ConfidenceMeter:
    """Mean probability of each class over the samples of the network's grid that it won."""

    def __init__(self, num_classes: int) -> None:
        self._total = np.zeros(num_classes)
        self._count = np.zeros(num_classes, np.int64)

    def watch(self, logits: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Pass logits (class, lateral, depth) through, counting."""
        for plane in logits:
            winner = plane.argmax(axis=0)
            highest = plane.max(axis=0)
            probability = 1 / np.exp(plane - highest).sum(axis=0)
            classes = len(self._total)
            self._count += np.bincount(winner.ravel(), minlength=classes)
            self._total += np.bincount(winner.ravel(), probability.ravel(), minlength=classes)
            yield plane

    def means(self) -> dict[int, float]:
        """Return class -> mean probability, for the structures that were found."""
        return {
            value: float(self._total[value] / self._count[value])
            for value in range(1, len(self._count))
            if self._count[value]
        }
