"""The fingerprint of a data set: the figures that its plan and its description are made from."""

from collections.abc import Sequence
from math import floor

import numpy as np
from pydantic import BaseModel, ConfigDict

from amcnet.data.case_properties import CaseFacts, IntensityFigures
from amcnet.data.dataset_layout import Dataset
from amcnet.errors import InputError
from amcnet.io.geometry import Triple


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StructureFigures(_Figures):
    """How much there is of one structure.

    Attributes:
        value: Its label value.
        name: Its name.
        voxels: Voxels of all cases, on their own grids.
        cases: Cases that have it.
    """

    value: int
    name: str
    voxels: int
    cases: int


class ChannelFigures(_Figures):
    """Intensities of one channel: of labelled voxels, at most 10,000 a case, of all cases."""

    name: str
    foreground: IntensityFigures


class Fingerprint(_Figures):
    """What a data set is like.

    Attributes:
        cases: Number of cases.
        shape: Median size in voxels, (scan, lateral, depth), a half rounded up.
        spacing_mm: Median spacing in the same order.
        spacing_low_mm: Smallest spacing of each axis.
        spacing_fine_mm: 10th percentile of the spacing of each axis.
        spacing_high_mm: Largest spacing of each axis.
        structures: One entry a structure, in the order of the table.
        channels: One entry a channel.
    """

    cases: int
    shape: tuple[int, int, int]
    spacing_mm: Triple
    spacing_low_mm: Triple
    spacing_fine_mm: Triple
    spacing_high_mm: Triple
    structures: tuple[StructureFigures, ...]
    channels: tuple[ChannelFigures, ...]


def make_fingerprint(facts: Sequence[CaseFacts], dataset: Dataset) -> Fingerprint:
    """Put together what was measured of the cases of a data set.

    Args:
        facts: As :func:`amcnet.data.check_dataset` returns them.
        dataset: The data set; its table and its channels' names are used.

    Raises:
        InputError: If there are no cases, or none of them has a labelled voxel.
    """
    if not any(channel.sample.size for case in facts for channel in case.channels):
        raise InputError(f"{dataset.folder}: found no labelled voxels, expected some in all cases")
    shapes = np.array([case.shape for case in facts])
    spacings = np.array([case.spacing_mm for case in facts])
    return Fingerprint(
        cases=len(facts),
        shape=_sizes(np.median(shapes, axis=0)),
        spacing_mm=_triple(np.median(spacings, axis=0)),
        spacing_low_mm=_triple(spacings.min(axis=0)),
        spacing_fine_mm=_triple(np.percentile(spacings, 10, axis=0)),
        spacing_high_mm=_triple(spacings.max(axis=0)),
        structures=tuple(_structures(facts, dataset)),
        channels=tuple(_channels(facts, dataset)),
    )


def _structures(facts: Sequence[CaseFacts], dataset: Dataset) -> list[StructureFigures]:
    figures = []
    for structure in dataset.table:
        counts = [case.voxels.get(structure.value, 0) for case in facts]
        figures.append(
            StructureFigures(
                value=structure.value,
                name=structure.name,
                voxels=sum(counts),
                cases=sum(count > 0 for count in counts),
            )
        )
    return figures


def _channels(facts: Sequence[CaseFacts], dataset: Dataset) -> list[ChannelFigures]:
    return [
        ChannelFigures(
            name=name,
            foreground=IntensityFigures.of(
                np.concatenate([case.channels[index].sample for case in facts])
            ),
        )
        for index, name in enumerate(dataset.channels)
    ]


def _sizes(median: np.ndarray) -> tuple[int, int, int]:
    scan, lateral, depth = (floor(size + 0.5) for size in median)
    return scan, lateral, depth


def _triple(values: np.ndarray) -> Triple:
    scan, lateral, depth = (float(value) for value in values)
    return scan, lateral, depth
