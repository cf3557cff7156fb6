"""Confidence of the network in each structure, accumulated slice by slice."""

import numpy as np
from numpy.typing import NDArray


class ConfidenceMeter:
    """Mean probability of each structure over the samples of the network's grid where it wins."""

    def __init__(self, num_classes: int) -> None:
        self._total = np.zeros(num_classes)
        self._count = np.zeros(num_classes, np.int64)

    def add(self, plane: NDArray[np.float32], winner: NDArray[np.uint8]) -> None:
        """Count one slice of the network's grid.

        Args:
            plane: Logits (class, lateral, depth).
            winner: Their arg-max (lateral, depth).
        """
        structures = np.flatnonzero(winner)
        won = winner.reshape(-1)[structures]
        logits = plane.reshape(len(plane), -1)[:, structures]
        highest = logits[won, np.arange(len(won))]
        probability = 1 / np.exp(logits - highest).sum(axis=0)
        classes = len(self._total)
        self._count += np.bincount(won, minlength=classes)
        self._total += np.bincount(won, probability, minlength=classes)

    def add_totals(self, count: NDArray[np.int64], total: NDArray[np.float64]) -> None:
        """Add counts from elsewhere.

        Args:
            count: (class,) samples that each class won.
            total: (class,) sum of their probabilities.
        """
        self._count += count
        self._total += total

    def means(self) -> dict[int, float]:
        """Return class -> mean probability, for the structures that were found."""
        return {
            value: float(self._total[value] / self._count[value])
            for value in range(1, len(self._count))
            if self._count[value]
        }
