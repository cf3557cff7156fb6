"""Confidence of the network in each structure, accumulated slice by slice."""

import numpy as np
from numpy.typing import NDArray

Totals = NDArray[np.float64]
Counts = NDArray[np.int64]

NEAR_LOGITS = 4.0
"""How far the background may lead for a structure's probability still to count: beyond this, all
structures together have less than 2 %.
"""


class ConfidenceMeter:
    """Probabilities of each structure, added up over the samples of the network's grid."""

    def __init__(self, num_classes: int) -> None:
        self._won = np.zeros(num_classes)
        self._all = np.zeros(num_classes)
        self._count = np.zeros(num_classes, np.int64)

    def add(self, plane: NDArray[np.float32], winner: NDArray[np.uint8]) -> None:
        """Count one slice of the network's grid.

        Args:
            plane: Logits (class, lateral, depth).
            winner: Their arg-max (lateral, depth).
        """
        samples = plane.reshape(len(plane), -1)
        near = np.flatnonzero(samples[0] - samples[1:].max(axis=0) < NEAR_LOGITS)
        won = winner.reshape(-1)[near]
        probabilities = samples[:, near]
        probabilities -= probabilities.max(axis=0)
        np.exp(probabilities, out=probabilities)
        probabilities /= probabilities.sum(axis=0)
        classes = len(self._count)
        own = probabilities[won, np.arange(len(won))]
        self._count += np.bincount(won, minlength=classes)
        self._won += np.bincount(won, own, minlength=classes)
        self._all += probabilities.sum(axis=1, dtype=np.float64)

    def add_totals(self, count: Counts, won: Totals, everywhere: Totals) -> None:
        """Add counts from elsewhere.

        Args:
            count: (class,) samples that each class won.
            won: (class,) sum of the class's probability over these samples.
            everywhere: (class,) sum of its probability over all samples that are near a structure,
                see :data:`NEAR_LOGITS`.
        """
        self._count += count
        self._won += won
        self._all += everywhere

    def means(self) -> dict[int, float]:
        """Return class -> mean probability, for the structures that were found."""
        return {
            value: float(self._won[value] / self._count[value])
            for value in range(1, len(self._count))
            if self._count[value]
        }

    def expected_dice(self) -> dict[int, float]:
        """Return class -> expected Dice coefficient, for the structures that were found.

        Twice the expected overlap divided by the expected sum of both volumes: the labels' volume
        and the true one, whose probability at each sample is the network's.
        """
        return {
            value: float(2 * self._won[value] / (self._count[value] + self._all[value]))
            for value in range(1, len(self._count))
            if self._count[value]
        }
