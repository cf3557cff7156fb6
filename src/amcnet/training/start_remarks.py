"""Remarks on differences between a data set and the training data of the starting model."""

from collections.abc import Sequence

from amcnet.anatomy import hand_label_table
from amcnet.bundle import BundleDescription
from amcnet.data import CaseProperties, Dataset

_DARKEST, _BRIGHTEST = 0, 255  # ultrasound has 8 bits
_LONGEST_MM = 400


def start_remarks(
    dataset: Dataset, properties: Sequence[CaseProperties], model: BundleDescription
) -> list[str]:
    """Return remarks on starting from a model; empty if there are no objections.

    Args:
        dataset: The data set; its structures' names are compared.
        properties: Properties of its cases; for a hand model, they are compared with ultrasound of
            hands.
        model: Description of the model to start from.
    """
    known = {structure.name for structure in model.label_table}
    names = [structure.name for structure in dataset.table]
    remarks = []
    if known.isdisjoint(names):
        remarks.append(
            f"beware: the model '{model.name}' knows none of {_listed(names)}: it is a starting "
            "point for learning, but no structure is carried over"
        )
    if known != {structure.name for structure in hand_label_table()}:
        return remarks
    low, high = _intensities(properties)
    if not looks_like_ultrasound(properties):
        remarks.append(
            f"beware: intensities run from {low:g} to {high:g}, expected {_DARKEST} to "
            f"{_BRIGHTEST} as in ultrasound of hands, on which '{model.name}' was trained"
        )
    longest_mm = max(
        (n * mm for case in properties for n, mm in zip(case.shape, case.spacing_mm, strict=True)),
        default=0.0,
    )
    if longest_mm > _LONGEST_MM:
        remarks.append(
            f"beware: a volume is {longest_mm:.0f} mm long, expected at most {_LONGEST_MM} mm as "
            "in scans of hands: is the spacing in mm?"
        )
    return remarks


def looks_like_ultrasound(properties: Sequence[CaseProperties]) -> bool:
    """Return whether intensities lie within the range of ultrasound, which has 8 bits."""
    low, high = _intensities(properties)
    return low >= _DARKEST and high <= _BRIGHTEST


def _intensities(properties: Sequence[CaseProperties]) -> tuple[float, float]:
    channels = [channel for case in properties for channel in case.channels]
    low = min((channel.minimum for channel in channels), default=_DARKEST)
    return low, max((channel.maximum for channel in channels), default=_BRIGHTEST)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more structures"
