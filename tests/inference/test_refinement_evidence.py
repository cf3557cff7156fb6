import numpy as np
import pytest
from scipy.special import softmax

from amcnet.inference.refinement_evidence import RefinementEvidence, refinement_evidence

SHAPE = (6, 7, 8)
SURE = 6.0


def evidence_of(seed: int = 0) -> tuple[RefinementEvidence, dict[str, np.ndarray]]:
    """Evidence of two kinds with two structures each, and what it was made from."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, SHAPE).astype(np.uint8)
    kinds = np.array([0, 1, 1, 2, 2])[labels]
    near = rng.uniform(size=SHAPE) < 0.6
    logits = np.zeros((3, *SHAPE), np.float16)
    for kind in range(3):
        logits[kind][kinds == kind] = SURE
    logits[:, near] = rng.normal(0, 2, (3, int(near.sum())))
    names = np.stack([rng.integers(0, 3, SHAPE), rng.choice([0, 3, 4], SHAPE)]).astype(np.uint8)
    for kind in (1, 2):
        own = kinds == kind
        names[kind - 1][own] = labels[own]
    evidence = refinement_evidence(labels, near, logits, names, 5)
    return evidence, {"labels": labels, "near": near, "logits": logits, "names": names}


def refined(made: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities (class, ...) of all voxels, one after the other."""
    labels, probabilities = made["labels"].copy(), np.zeros((5, *SHAPE))
    for place in np.ndindex(*SHAPE):
        if not made["near"][place]:
            probabilities[(labels[place], *place)] = 1
            continue
        choices = {0: float(made["logits"][(0, *place)])}
        for kind in (1, 2):
            name = int(made["names"][(kind - 1, *place)])
            if name:
                choices[name] = float(made["logits"][(kind, *place)])
        shares = softmax(list(choices.values()))
        for name, share in zip(choices, shares, strict=True):
            probabilities[(name, *place)] = share
        labels[place] = max(choices, key=lambda name: choices[name])
    return labels, probabilities


def test_both_coefficients_are_those_of_the_definition() -> None:
    evidence, made = evidence_of()
    labels, probabilities = refined(made)
    for value in range(1, 5):
        mine, before = labels == value, made["labels"] == value
        agreement = 2 * np.sum(mine & before) / (mine.sum() + before.sum())
        assert evidence.agreement[value] == pytest.approx(agreement)
        share = probabilities[value]
        expected = 2 * share[mine].sum() / (mine.sum() + share.sum())
        assert evidence.expected_dice[value] == pytest.approx(expected, rel=1e-5)


def test_labels_that_nothing_may_change_agree() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:4, 2:4] = 1
    nothing = np.zeros(SHAPE, bool)
    logits, names = np.zeros((2, *SHAPE), np.float16), labels[None]
    evidence = refinement_evidence(labels, nothing, logits, names, 3)
    assert evidence.agreement[1] == evidence.expected_dice[1] == 1
    assert np.isnan(evidence.agreement[2])
    assert np.isnan(evidence.expected_dice[2])
