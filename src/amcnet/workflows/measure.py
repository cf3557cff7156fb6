"""Measuring label files: which ones, and what came of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError, in_words
from amcnet.io import IMAGE_EXTENSIONS, find_extension, read_labels
from amcnet.measurement.structures import Measurement, measure_structures

_SEGMENTATION = ".seg.nrrd"


@dataclass(frozen=True)
class FileMeasurement:
    """What came of a label file.

    Attributes:
        path: The file.
        measurements: One for each structure of the table; none where the file failed.
        spacing_mm: Voxel size in (scan, lateral, depth); None where the file failed.
        error: One sentence that says why it was not measured; None where it was.
    """

    path: Path
    measurements: tuple[Measurement, ...] = ()
    spacing_mm: tuple[float, float, float] | None = None
    error: str | None = None


def find_label_files(inputs: Sequence[Path]) -> list[Path]:
    """Return the inputs with every folder replaced by the label files in it, sorted by name.

    These are its ``.seg.nrrd`` files, or all its volumes where it holds no such file. Hidden files
    do not count. A file that is named twice is taken once.

    Args:
        inputs: Files and folders; a file is taken as it is.

    Raises:
        InputError: If a folder holds no volumes.
    """
    files = [file for path in inputs for file in (_files_in(path) if path.is_dir() else [path])]
    return list(dict.fromkeys(files))


def _files_in(folder: Path) -> list[Path]:
    known = (*IMAGE_EXTENSIONS, _SEGMENTATION)
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
    paths: Sequence[Path],
    table: LabelTable | None = None,
    axes: str = "auto",
    ignore_value: int | None = None,
) -> Iterator[FileMeasurement]:
    """Measure label files one after the other; one that fails does not stop the others.

    Args:
        paths: The files, see :func:`find_label_files`.
        table: What the labels mean, the hand's where left out.
        axes: ``auto`` or what the x, y, z of the files mean.
        ignore_value: Value of voxels of which nothing is known; they count as background.

    Yields:
        What came of each file, in their order.
    """
    table = hand_label_table() if table is None else table
    return (_measure_file(path, table, axes, ignore_value) for path in paths)


def _measure_file(
    path: Path, table: LabelTable, axes: str, ignore_value: int | None
) -> FileMeasurement:
    try:
        volume = read_labels(path, table, axes, ignore_value)
        measured = measure_structures(
            volume.array, volume.spacing_mm, table, ignore_value=ignore_value
        )
        return FileMeasurement(path, tuple(measured), volume.spacing_mm)
    except Exception as problem:
        return FileMeasurement(path, error=in_words(problem, path))
