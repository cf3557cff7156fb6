"""What the viewer shows: a volume, its structures, their sizes and the verdict on them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.data import LabelNames
from amcnet.errors import InputError
from amcnet.io import Volume, labels_on_grid, read_labels, read_volume
from amcnet.labelmaps.ignored_voxels import without_ignored
from amcnet.measurement import Measurement
from amcnet.quality import QualityReport, Severity
from amcnet.report import Subject
from amcnet.viewer.display_grid import DisplayGrid

_MOST_STRUCTURES = 255  # labels are shown as 8 bits
_STEPS = ("reading the volume", "reading the labels", "measuring and checking", "fitting to size")


class Progress(Protocol):
    """Told how far things are."""

    def __call__(self, done: int, total: int, now: str) -> None:
        """Set what is done, of how much, and what is going on."""


@dataclass(frozen=True)
class ShownStructure:
    """One row of the list.

    Attributes:
        structure: Value, name and colour.
        measurement: Its size.
        severity: The verdict on it.
        messages: Why, one sentence each.
        focus_mm: Where to look, in mm (RAS): the voxel of it that is nearest to its middle, or of
            a neighbour where it is absent. None where the neighbours are absent too.
        near: Name of that neighbour, None where the structure is present.
    """

    structure: Structure
    measurement: Measurement
    severity: Severity
    messages: tuple[str, ...]
    focus_mm: tuple[float, float, float] | None
    near: str | None = None


@dataclass(frozen=True, eq=False)
class Labelled:
    """The structures of a scene.

    Attributes:
        name: Name of the label file, without its folder.
        voxels: Labels on the shown grid, uint8 (scan, lateral, depth).
        structures: All of the table, in its order.
        quality: The verdict.
    """

    name: str
    voxels: NDArray[np.uint8]
    structures: tuple[ShownStructure, ...]
    quality: QualityReport


@dataclass(frozen=True, eq=False)
class ViewerScene:
    """What the viewer shows.

    Attributes:
        name: Name of the volume's file, without its folder.
        full_shape: Voxels of the volume in (scan, lateral, depth).
        full_spacing_mm: Their size in the same order.
        grid: Where the shown voxels lie.
        voxels: Greys on that grid, uint8 (scan, lateral, depth).
        labelled: The structures, None where the volume is shown alone.
    """

    name: str
    full_shape: tuple[int, int, int]
    full_spacing_mm: tuple[float, float, float]
    grid: DisplayGrid
    voxels: NDArray[np.uint8]
    labelled: Labelled | None = None


def read_scene(
    volume: Path,
    labels: Path | None = None,
    names: LabelNames | None = None,
    series: str | None = None,
    progress: Progress | None = None,
) -> ViewerScene:
    """Read a volume and its labels, measure and check them, and fit both to a browser's size.

    Args:
        volume: File of the volume, or a folder of DICOM.
        labels: File of its labels, on its grid (a segmentation may be cropped); without it the
            volume is shown alone.
        names: What the labels mean, the hand's where left out.
        series: UID or number of a DICOM series, where there are several.
        progress: Told how far things are.

    Raises:
        InputError: If a file cannot be read, the grids do not fit, or there are more than 255
            structures.
    """
    update = progress or _say_nothing
    update(0, len(_STEPS), _STEPS[0])
    scan = read_volume(volume, series=series)
    if labels is None:
        update(3, len(_STEPS), _STEPS[3])
        return make_scene(scan, volume.name)
    names = LabelNames(hand_label_table()) if names is None else names
    update(1, len(_STEPS), _STEPS[1])
    found = read_labels(labels, names.table, ignore_value=names.ignore_value)
    try:
        placed = labels_on_grid(found, scan.geometry)
    except InputError as error:
        raise InputError(f"{labels}: {error}") from error
    placed = without_ignored(placed, placed, names.ignore_value)
    update(2, len(_STEPS), _STEPS[2])
    subject = Subject(placed, scan.spacing_mm, names.table, scan.array)
    labelled = _labelled(subject, DisplayGrid.of(scan.geometry), labels.name)
    update(3, len(_STEPS), _STEPS[3])
    return make_scene(scan, volume.name, labelled)


def make_scene(volume: Volume, name: str, labelled: Labelled | None = None) -> ViewerScene:
    """Fit a volume to a browser's size.

    Args:
        volume: The volume.
        name: What to call it.
        labelled: Its structures on the grid that it is shown on.
    """
    grid = DisplayGrid.of(volume.geometry)
    return ViewerScene(
        name=name,
        full_shape=volume.geometry.canonical_shape,
        full_spacing_mm=volume.spacing_mm,
        grid=grid,
        voxels=grid.greys(volume.array),
        labelled=labelled,
    )


def _labelled(subject: Subject, grid: DisplayGrid, name: str) -> Labelled:
    table = subject.table
    if len(table) > _MOST_STRUCTURES:
        raise InputError(
            f"{name}: has {len(table)} structures, expected at most {_MOST_STRUCTURES} to show"
        )
    full = subject.labels.astype(np.uint8, copy=False)
    quality, measurements = subject.check(), subject.measure()
    voxels = grid.labels(full)
    middles = _middles(voxels, len(table), grid)
    structures = tuple(
        ShownStructure(
            structure,
            measurement,
            quality.severity_of(structure.value),
            tuple(f.message for f in quality.findings if structure.value in f.structures),
            *_focus(structure, table, middles),
        )
        for structure, measurement in zip(table, measurements, strict=True)
    )
    return Labelled(name, voxels, structures, quality)


_Point = tuple[float, float, float]


def _middles(voxels: NDArray[np.uint8], count: int, grid: DisplayGrid) -> dict[int, _Point]:
    """Return for each label the voxel of it that is nearest to its middle, in mm (RAS).

    The middle itself may lie outside a bent structure. One that is too small for the shown grid
    has no voxel there.
    """
    from scipy.ndimage import find_objects

    middles = {}
    for value, box in enumerate(find_objects(voxels, count), start=1):
        if box is None:
            continue
        inside = np.argwhere(voxels[box] == value)
        offsets_mm = (inside - inside.mean(axis=0)) * grid.spacing_mm
        nearest = inside[np.argmin((offsets_mm**2).sum(axis=1))]
        middles[value] = grid.to_ras_mm(nearest + [part.start for part in box])
    return middles


def _focus(
    structure: Structure, table: LabelTable, middles: dict[int, _Point]
) -> tuple[_Point | None, str | None]:
    if structure.value in middles:
        return middles[structure.value], None
    beside = next((value for value in structure.neighbours if value in middles), None)
    return (None, None) if beside is None else (middles[beside], table[beside].name)


def _say_nothing(_done: int, _total: int, _now: str) -> None:
    pass
