"""The refiner's evidence for each structure: its certainty, and how much it changed the labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class RefinementEvidence:
    """Two Dice coefficients of each structure on the fine grid.

    Attributes:
        expected_dice: (class,) expected Dice coefficient of the refined labels if the refiner's
            probabilities are frequencies; NaN if the class was not found.
        agreement: (class,) Dice coefficient between the first stage's labels and the refined ones;
            NaN if neither has the class.
    """

    expected_dice: NDArray[np.float64]
    agreement: NDArray[np.float64]


def refinement_evidence(
    labels: _Labels,
    near: NDArray[np.bool_],
    logits: NDArray[np.float16],
    names: _Labels,
    num_classes: int,
) -> RefinementEvidence:
    """Compare refined labels with the first stage's.

    Args:
        labels: The first stage's labels on the fine grid, (scan, lateral, depth).
        near: Voxels that the refiner may change; elsewhere its certainty is 1.
        logits: (1 + kind, scan, lateral, depth), see
            :class:`amcnet.inference.refinement.RefinedLogits`.
        names: (kind, scan, lateral, depth): label value of a voxel if it is of that kind, 0 for
            none.
        num_classes: Classes of the label table, background included.
    """
    first = labels[near]
    values = logits[:, near].astype(np.float32)
    named = np.concatenate([np.zeros_like(first)[None], names[:, near]])
    values[1:][named[1:] == 0] = -np.inf
    values -= values.max(axis=0)
    np.exp(values, out=values)
    values /= values.sum(axis=0)
    best = values.argmax(axis=0)
    voxels = np.arange(len(best))
    refined = named[best, voxels]

    def counted(of: _Labels, weights: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        return np.bincount(of, weights, minlength=num_classes).astype(np.float64)

    before = counted(labels.reshape(-1))
    inner = before - counted(first)
    after = inner + counted(refined)
    won = inner + counted(refined, values[best, voxels])
    everywhere = inner + sum(
        (counted(kind, share) for kind, share in zip(named, values, strict=True)),
        np.zeros(num_classes),
    )
    common = inner + counted(refined[refined == first])
    with np.errstate(invalid="ignore"):
        expected = np.where(after > 0, 2 * won / (after + everywhere), np.nan)
        agreement = 2 * common / (before + after)
    return RefinementEvidence(expected, agreement)
