"""The content of the viewer: a volume, its structures, their sizes and the verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable, Structure
from amcnet.data import LabelNames
from amcnet.errors import InputError
from amcnet.io import BY_HEADER, Reading, Volume, doubtful_spacing, labels_on_grid
from amcnet.io.path_lists import AnyPath, path_list
from amcnet.io.predicted_dice_tags import read_predicted_dice
from amcnet.labelmaps.validation import without_ignored
from amcnet.measurement import Measurement
from amcnet.parallel import NamedProgress
from amcnet.quality import QualityReport, Severity
from amcnet.report import Subject
from amcnet.short_repr import short_repr
from amcnet.viewer.display_grid import DisplayGrid, DisplayImage, index_to_patient
from amcnet.workflows.label_names import names_of_files, read_known_labels

_MOST_STRUCTURES = 255  # labels are shown as 8 bits
_STEPS = ("reading the volume", "reading the labels", "measuring and checking", "fitting to size")


@dataclass(frozen=True)
class ShownStructure:
    """One structure in the list of the viewer.

    Attributes:
        structure: Value, name and colour.
        measurement: Its size.
        severity: Severity of its worst finding.
        messages: What its findings say about it, one sentence each.
        predicted_dice: Dice coefficient predicted by the model; None if the file holds none.
        focus_mm: Position to show, in page coordinates: the voxel of the structure closest to its
            centre, or that of a neighbour if the structure is absent. None if the neighbours are
            absent too.
        near: Name of that neighbour; None if the structure is present.

    Example:
        >>> table = LabelTable.from_names(["femur"])
        >>> size = Measurement(1, "femur", present=False, voxels=0)
        >>> shown = ShownStructure(table[1], size, Severity.LOOK, ("femur: missing",), None, None)
        >>> shown.structure.name, str(shown.severity), shown.focus_mm
        ('femur', 'look', None)
    """

    structure: Structure
    measurement: Measurement
    severity: Severity
    messages: tuple[str, ...]
    predicted_dice: float | None
    focus_mm: tuple[float, float, float] | None
    near: str | None = None
    __repr__ = short_repr


@dataclass(frozen=True, eq=False)
class Labelled:
    """The structures of a scene.

    Attributes:
        name: Name of the label file, without its folder.
        voxels: Labels on the shown grid, uint8 (scan, lateral, depth).
        structures: All structures of the table, in its order.
        quality: The quality report.

    Example:
        >>> quality = QualityReport((), LabelTable.from_names(["femur"]), (1,))
        >>> Labelled("scan.seg.nrrd", np.zeros((2, 3, 4), np.uint8), (), quality)
        Labelled(name='scan.seg.nrrd', voxels=uint8 (2, 3, 4), structures=(), quality=QualityReport)
    """

    name: str
    voxels: NDArray[np.uint8]
    structures: tuple[ShownStructure, ...]
    quality: QualityReport
    __repr__ = short_repr


@dataclass(frozen=True, eq=False)
class ViewerScene:
    """What the viewer shows.

    Attributes:
        name: Name of the volume's file, without its folder.
        full_shape: Voxels of the volume in (scan, lateral, depth).
        full_spacing_mm: Their size in the same order.
        grid: Grid of the displayed voxels.
        image: The volume on that grid.
        to_patient: See :func:`index_to_patient`.
        doubt: Reason why the voxel size is doubtful; None if it is plausible.
        labelled: The structures; None if the volume is shown alone.
        compared: A second segmentation of the same volume.
        dice: Dice coefficient of the two segmentations for each structure, in the table's order;
            None if it is absent in both. Empty without a second segmentation.

    Example:
        >>> from amcnet.io import volume_from_array
        >>> volume = volume_from_array(np.zeros((8, 6, 4), np.uint8), (1.0, 0.5, 0.5))
        >>> scene = make_scene(volume, "scan.nrrd")
        >>> scene.full_shape, scene.full_spacing_mm, scene.labelled is None
        ((8, 6, 4), (1.0, 0.5, 0.5), True)
    """

    name: str
    full_shape: tuple[int, int, int]
    full_spacing_mm: tuple[float, float, float]
    grid: DisplayGrid
    image: DisplayImage
    to_patient: NDArray[np.float64] | None
    doubt: str | None = None
    labelled: Labelled | None = None
    compared: Labelled | None = None
    dice: tuple[float | None, ...] = ()
    __repr__ = short_repr


def read_scene(
    volume: AnyPath,
    labels: AnyPath | None = None,
    names: LabelNames | None = None,
    reading: Reading = BY_HEADER,
    progress: NamedProgress | None = None,
    compared: AnyPath | None = None,
) -> ViewerScene:
    """Read a volume and its labels, measure and check them, and fit both to a browser's size.

    Args:
        volume: File of the volume, or a folder of DICOM.
        labels: File of its labels on the same grid (a segmentation may be cropped); without it, the
            volume is shown alone.
        names: Names of the labels, by default from the files or a description next to them, see
            :func:`amcnet.workflows.label_names.names_of_files`.
        reading: How all files are read; its series is that of the volume.
        progress: Called as each step begins.
        compared: File of a second segmentation, shown next to the first.

    Raises:
        InputError: If a file cannot be read, the grids do not fit, there are more than 255
            structures, or there is a second segmentation but no first one.

    Example:
        >>> from amcnet.io import Geometry, write_image
        >>> image = np.zeros((8, 8, 8), np.uint8)
        >>> write_image("scan.nrrd", image, Geometry.canonical(image.shape, (1.0, 1.0, 1.0)))
        >>> read_scene(Path("scan.nrrd")).name
        'scan.nrrd'
    """
    if compared is not None and labels is None:
        raise InputError(f"{compared}: there are no labels to compare with, expected labels first")
    update = progress or _say_nothing
    update(0, len(_STEPS), _STEPS[0])
    source = Path(volume)
    scan = reading.volume(source)
    grid = DisplayGrid.of(scan.geometry)
    files = path_list(file for file in (labels, compared) if file is not None)
    subjects: list[Subject] = []
    shown: list[Labelled] = []
    for file in files:
        update(1, len(_STEPS), _STEPS[1])
        if names is None:
            names = names_of_files(files, reading)
        found = read_known_labels(file, names, reading)
        subjects.append(_subject(file, found, scan, names))
        update(2, len(_STEPS), _STEPS[2])
        shown.append(_labelled(subjects[-1], grid, file.name))
    update(3, len(_STEPS), _STEPS[3])
    return make_scene(
        scan,
        source.name,
        shown[0] if labels is not None else None,
        shown[1] if compared is not None else None,
        tuple(_dice(*subjects)) if compared is not None else (),
    )


def make_scene(
    volume: Volume,
    name: str,
    labelled: Labelled | None = None,
    compared: Labelled | None = None,
    dice: tuple[float | None, ...] = (),
) -> ViewerScene:
    """Fit a volume to a browser's size.

    Args:
        volume: The volume.
        name: Name that the page shows.
        labelled: Its structures on the display grid.
        compared: A second segmentation of it on the same grid.
        dice: See :class:`ViewerScene`.

    Example:
        >>> from amcnet.io import volume_from_array
        >>> volume = volume_from_array(np.zeros((8, 8, 8), np.uint8), (1.0, 1.0, 1.0))
        >>> make_scene(volume, "scan.nrrd").full_shape
        (8, 8, 8)
    """
    grid = DisplayGrid.of(volume.geometry)
    return ViewerScene(
        name=name,
        full_shape=volume.geometry.canonical_shape,
        full_spacing_mm=volume.spacing_mm,
        grid=grid,
        image=grid.image(volume.array),
        to_patient=index_to_patient(volume.geometry),
        doubt=doubtful_spacing(volume.geometry),
        labelled=labelled,
        compared=compared,
        dice=dice,
    )


def _subject(file: Path, found: Volume, scan: Volume, names: LabelNames) -> Subject:
    try:
        placed = labels_on_grid(found, scan.geometry)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    placed = without_ignored(placed, placed, names.ignore_value)
    predicted = read_predicted_dice(file, names.table, placed)
    return Subject(placed, scan.spacing_mm, names.table, scan.array, predicted=predicted)


def _dice(one: Subject, other: Subject) -> Iterator[float | None]:
    """Yield the Dice coefficient of each structure; None if it is absent in both."""
    count = len(one.table) + 1
    sizes = [np.bincount(each.labels.ravel(), minlength=count) for each in (one, other)]
    common = np.bincount(one.labels[one.labels == other.labels], minlength=count)
    for value in range(1, count):
        total = int(sizes[0][value]) + int(sizes[1][value])
        yield 2 * int(common[value]) / total if total else None


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
            quality.reasons(structure.value),
            quality.predicted_dice.get(structure.value),
            *_focus(structure, table, middles),
        )
        for structure, measurement in zip(table, measurements, strict=True)
    )
    return Labelled(name, voxels, structures, quality)


_Point = tuple[float, float, float]


def _middles(voxels: NDArray[np.uint8], count: int, grid: DisplayGrid) -> dict[int, _Point]:
    """Return the voxel of each structure closest to its centre, in page coordinates.

    The centre itself may lie outside a bent structure. A structure that is too small for the
    display grid has no voxel.
    """
    from scipy.ndimage import find_objects

    middles = {}
    for value, box in enumerate(find_objects(voxels, count), start=1):
        if box is None:
            continue
        inside = np.argwhere(voxels[box] == value)
        offsets_mm = (inside - inside.mean(axis=0)) * grid.spacing_mm
        nearest = inside[np.argmin((offsets_mm**2).sum(axis=1))]
        middles[value] = grid.to_page_mm(nearest + [part.start for part in box])
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
