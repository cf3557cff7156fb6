"""Ensembles: the logits of several models are averaged window by window."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from amcnet.bundle import Bundle, BundleDescription
from amcnet.errors import ModelError, count_text
from amcnet.inference.stream import LogitsOf, Window


def averaged(members: Sequence[LogitsOf]) -> LogitsOf:
    """Return a function that averages the logits of several networks, window by window."""
    if len(members) == 1:
        return members[0]

    def mean(window: Window) -> Window:
        total = members[0](window).copy()
        for member in members[1:]:
            total += member(window)
        total /= np.float32(len(members))
        return total

    return mean


def check_members(bundles: Sequence[Bundle]) -> None:
    """Check that models can be averaged: same labels, preprocessing, window and input channels.

    Raises:
        ModelError: If there is no model, or two of them differ.
    """
    if not bundles:
        raise ModelError("model: found an empty list, expected at least one model")
    first, *others = bundles
    expected = _shared(first.description)
    for other in others:
        for what, found in _shared(other.description).items():
            if found != expected[what]:
                shown, wanted = _first_difference(found, expected[what])
                raise ModelError(
                    f"{other.folder}: {what}: found {shown}, expected {wanted} as in {first.folder}"
                )


def _shared(description: BundleDescription) -> dict[str, Any]:
    """Return the properties that all members must have in common."""
    preprocessing = description.preprocessing
    return {
        "input channels": description.architecture.in_channels,
        "window": description.window,
        **{name: getattr(preprocessing, name) for name in type(preprocessing).model_fields},
        "label table": [f"{s.value} {s.name}" for s in description.label_table],
    }


def _first_difference(found: Any, expected: Any) -> tuple[str, str]:  # noqa: ANN401
    """Return both values as text; for label tables, the first entries that differ."""
    if not isinstance(found, list):
        return str(found), str(expected)
    if len(found) != len(expected):
        return count_text(len(found), "structure"), f"{len(expected)}"
    pair = next((a, b) for a, b in zip(found, expected, strict=True) if a != b)
    return f"'{pair[0]}'", f"'{pair[1]}'"
