"""The fingerprint of a data set: the properties that determine its training plan."""

from collections.abc import Sequence
from math import floor

import numpy as np
from pydantic import BaseModel, ConfigDict

from amcnet.data.case_properties import CaseProperties, IntensityFigures
from amcnet.data.dataset_layout import Dataset
from amcnet.errors import InputError
from amcnet.io.geometry import Triple


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StructureFigures(_Figures):
    """Voxel and case counts of one structure.

    Attributes:
        value: Label value.
        name: Name of the structure.
        voxels: Number of voxels in all cases, on the original grids.
        cases: Number of cases with this structure.
    """

    value: int
    name: str
    voxels: int
    cases: int


class ChannelFigures(_Figures):
    """Intensities of one channel in the labelled voxels of all cases, at most 10,000 per case."""

    name: str
    foreground: IntensityFigures


class Fingerprint(_Figures):
    """Sizes, spacings, structures and intensities of a data set.

    Attributes:
        cases: Number of cases.
        shape: Median size in voxels, (scan, lateral, depth); halves are rounded up.
        spacing_mm: Median spacing, (scan, lateral, depth).
        spacing_low_mm: Smallest spacing of each axis.
        spacing_fine_mm: 10th percentile of the spacing of each axis.
        spacing_high_mm: Largest spacing of each axis.
        structures: One entry per structure, in the order of the table.
        channels: One entry per channel.

    Example:
        >>> from pathlib import Path
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.data.case_properties import measure_channel
        >>> image = np.ones((4, 6, 8))
        >>> channel = measure_channel(image, np.arange(10))
        >>> case = CaseProperties("a", image.shape, (1.0, 0.5, 0.5), (channel,), {0: 182, 1: 10})
        >>> knees = Dataset(Path("knees"), LabelTable.from_names(["femur"]), ())
        >>> fingerprint = make_fingerprint([case], knees)
        >>> fingerprint.shape, fingerprint.spacing_mm, fingerprint.structures[0].voxels
        ((4, 6, 8), (1.0, 0.5, 0.5), 10)
    """

    cases: int
    shape: tuple[int, int, int]
    spacing_mm: Triple
    spacing_low_mm: Triple
    spacing_fine_mm: Triple
    spacing_high_mm: Triple
    structures: tuple[StructureFigures, ...]
    channels: tuple[ChannelFigures, ...]


def make_fingerprint(properties: Sequence[CaseProperties], dataset: Dataset) -> Fingerprint:
    """Summarise the measured properties of the cases of a data set.

    Args:
        properties: As :func:`amcnet.data.check_dataset` returns them.
        dataset: The data set; its table and its channels' names are used.

    Raises:
        InputError: If there are no cases, or none of them has a labelled voxel.

    Example:
        >>> from pathlib import Path
        >>> from amcnet.anatomy import LabelTable
        >>> knees = Dataset(Path("knees"), LabelTable.from_names(["femur"]), ())
        >>> make_fingerprint([], knees)
        Traceback (most recent call last):
            ...
        amcnet.errors.InputError: knees: found no labelled voxels, expected some in all cases
    """
    if not any(channel.sample.size for case in properties for channel in case.channels):
        raise InputError(f"{dataset.folder}: found no labelled voxels, expected some in all cases")
    shapes = np.array([case.shape for case in properties])
    spacings = np.array([case.spacing_mm for case in properties])
    return Fingerprint(
        cases=len(properties),
        shape=_sizes(np.median(shapes, axis=0)),
        spacing_mm=_triple(np.median(spacings, axis=0)),
        spacing_low_mm=_triple(spacings.min(axis=0)),
        spacing_fine_mm=_triple(np.percentile(spacings, 10, axis=0)),
        spacing_high_mm=_triple(spacings.max(axis=0)),
        structures=tuple(_structures(properties, dataset)),
        channels=tuple(_channels(properties, dataset)),
    )


def _structures(properties: Sequence[CaseProperties], dataset: Dataset) -> list[StructureFigures]:
    figures = []
    for structure in dataset.table:
        counts = [case.voxels.get(structure.value, 0) for case in properties]
        figures.append(
            StructureFigures(
                value=structure.value,
                name=structure.name,
                voxels=sum(counts),
                cases=sum(count > 0 for count in counts),
            )
        )
    return figures


def _channels(properties: Sequence[CaseProperties], dataset: Dataset) -> list[ChannelFigures]:
    return [
        ChannelFigures(
            name=name,
            foreground=IntensityFigures.of(
                np.concatenate([case.channels[index].sample for case in properties])
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
