"""Measure label files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from amcnet.anatomy import LabelTable
from amcnet.data import LabelNames
from amcnet.errors import InputError
from amcnet.io import BY_HEADER, READABLE_EXTENSIONS, Reading, find_extension, report_passed_over
from amcnet.io.path_lists import AnyPath, path_list
from amcnet.measurement import Measurement, measure_structures
from amcnet.workflows.label_names import read_label_file_with_names
from amcnet.workflows.outcome import Outcome, run_for_file

_SEGMENTATION = ".seg.nrrd"


@dataclass(frozen=True)
class FileMeasurements:
    """Measurements of one label file.

    Attributes:
        measurements: One per structure of the table.
        spacing_mm: Voxel size, (scan, lateral, depth).

    Example:
        >>> bone = Measurement(1, "femur", present=True, voxels=125, volume_mm3=125.0)
        >>> FileMeasurements((bone,), (1.0, 1.0, 1.0)).measurements[0].volume_mm3
        125.0
    """

    measurements: tuple[Measurement, ...]
    spacing_mm: tuple[float, float, float]


def find_label_files(inputs: AnyPath | Iterable[AnyPath]) -> list[Path]:
    """Replace every folder by the label files in it, sorted by name.

    The label files of a folder are its ``.seg.nrrd`` files or, if there are none, all its volumes.
    Hidden files are skipped. Duplicates are listed once.

    Args:
        inputs: Files and folders, or one of them; files are kept as they are.

    Raises:
        InputError: If a folder holds no volumes.

    Example:
        >>> Path("b.seg.nrrd").touch()
        >>> find_label_files([Path("b.seg.nrrd")])[0].name
        'b.seg.nrrd'
    """
    given = path_list(inputs)
    files = [file for path in given for file in (_files_in(path) if path.is_dir() else [path])]
    return list(dict.fromkeys(files))


def _files_in(folder: Path) -> list[Path]:
    known = READABLE_EXTENSIONS
    report_passed_over(folder, known)
    extensions = {
        path: extension
        for path in sorted(folder.iterdir())
        if (extension := find_extension(path, known)) is not None
        and not path.name.startswith(".")
        and path.is_file()
    }
    if not extensions:
        expected = " ".join(known)
        raise InputError(f"{folder}: holds no volumes, expected files that end in {expected}")
    segmentations = [path for path, extension in extensions.items() if extension == _SEGMENTATION]
    return segmentations or list(extensions)


def measure_files(
    paths: AnyPath | Iterable[AnyPath],
    table: LabelTable | None = None,
    ignore_value: int | None = None,
    reading: Reading = BY_HEADER,
) -> Iterator[Outcome[FileMeasurements]]:
    """Measure label files one by one; a file that fails does not stop the others.

    Args:
        paths: The files, or one file, see :func:`find_label_files`.
        table: Label table; by default from each file, see
            :func:`amcnet.workflows.label_names.names_of_files`.
        ignore_value: Ignore label; its voxels count as background.
        reading: How the files are read.

    Yields:
        The outcome of each file, in the order of ``paths``.

    Example:
        >>> import numpy as np
        >>> from amcnet.io import Geometry, write_labels
        >>> labels = np.zeros((9, 9, 9), np.uint8)
        >>> labels[2:7, 2:7, 2:7] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> write_labels("a.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> (outcome,) = measure_files([Path("a.seg.nrrd")])
        >>> outcome.result.measurements[0].volume_mm3
        125.0
    """
    names = None if table is None else LabelNames(table, ignore_value)
    measure = partial(_measure_file, names=names, reading=reading)
    return (run_for_file(path, partial(measure, path)) for path in path_list(paths))


def _measure_file(path: Path, names: LabelNames | None, reading: Reading) -> FileMeasurements:
    volume, names = read_label_file_with_names(path, names, reading)
    measured = measure_structures(
        volume.array, volume.spacing_mm, names.table, ignore_value=names.ignore_value
    )
    return FileMeasurements(tuple(measured), volume.spacing_mm)
