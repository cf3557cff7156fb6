"""Check label files, and write the report page of one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from amcnet.data import LabelNames
from amcnet.errors import InputError
from amcnet.inference import Segmentation
from amcnet.io import BY_HEADER, Geometry, Reading, labels_on_grid
from amcnet.io.path_lists import AnyPath
from amcnet.io.predicted_dice_tags import read_predicted_dice
from amcnet.labelmaps.validation import without_ignored
from amcnet.quality import QualityReport
from amcnet.report import Subject, page_html, report_contents
from amcnet.workflows.image_check import check_is_no_label_map, check_is_no_segmentation
from amcnet.workflows.label_names import read_label_file_with_names
from amcnet.workflows.output_files import write_text
from amcnet.workflows.segment.checking import check
from amcnet.workflows.segment.provenance import making_of_labels

_NOTICE = "Research software, not a medical device. The model that made these labels is not known."


def check_file(
    labels: AnyPath,
    image: AnyPath | None = None,
    names: LabelNames | None = None,
    reading: Reading = BY_HEADER,
) -> QualityReport:
    """Check a label file, see :func:`amcnet.quality.check_segmentation`.

    Args:
        labels: The label file. A ``.seg.nrrd`` or DICOM SEG may be cropped.
        image: The volume that was segmented, on the same voxel lattice.
        names: Label names, by default those of the label file, and the ignore label, whose voxels
            count as background.
        reading: Reading options of both files.

    Raises:
        InputError: If a file cannot be read, ``labels`` is an image, its values have no names, or
            the files lie on different grids.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io import Geometry, write_labels
        >>> labels = np.zeros((20, 20, 20), np.uint8)
        >>> labels[5:15, 5:15, 5:15] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> write_labels("spine.seg.nrrd", labels, grid, LabelTable.from_names(["vertebra"]))
        >>> str(check_file(Path("spine.seg.nrrd")).verdict)
        'ok'
    """
    subject, _ = _read_subject(*_paths(labels, image), names, reading)
    return subject.check()


def write_label_report(
    path: AnyPath,
    labels: AnyPath,
    image: AnyPath | None = None,
    names: LabelNames | None = None,
    reading: Reading = BY_HEADER,
) -> QualityReport:
    """Write the report page of a label file, see :func:`amcnet.report.report_contents`.

    The page appears complete or not at all. The other arguments are those of :func:`check_file`.
    Without an image, the pictures show only the labels.

    Returns:
        The check on the page, equal to that of :func:`check_file`.

    Raises:
        InputError: As :func:`check_file`.
        OutputError: If the page cannot be written.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io import write_labels
        >>> labels = np.zeros((9, 9, 9), np.uint8)
        >>> labels[2:7, 2:7, 2:7] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> write_labels("knee.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> str(write_label_report(Path("knee.html"), Path("knee.seg.nrrd")).verdict)
        'ok'
    """
    file, scan = _paths(labels, image)
    subject, geometry = _read_subject(file, scan, names, reading)
    making = making_of_labels(file, scan, geometry)
    contents = report_contents(subject, f"Check of {file.name}", making, _NOTICE)
    write_text(Path(path), page_html(contents))
    return contents.quality


def check_result(result: Segmentation, image: NDArray[Any] | None = None) -> QualityReport:
    """Check a result of :func:`amcnet.segment`.

    Args:
        result: The segmentation, with the model's confidence.
        image: Intensities of the volume, (scan, lateral, depth), also checked if given.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> labels = np.zeros((9, 9, 9), np.uint8)
        >>> labels[2:7, 2:7, 2:7] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> result = Segmentation(labels, grid, LabelTable.from_names(["femur"]), {1: 0.9}, "", {})
        >>> str(check_result(result).verdict)
        'ok'
    """
    return check(result, image)


def _paths(labels: AnyPath, image: AnyPath | None) -> tuple[Path, Path | None]:
    return Path(labels), None if image is None else Path(image)


def _read_subject(
    labels: Path, image: Path | None, given: LabelNames | None, reading: Reading
) -> tuple[Subject, Geometry]:
    """Return labels and image on one grid, and the grid."""
    volume, names = read_label_file_with_names(labels, given, reading)
    if names.ignore_value is not None:
        array = without_ignored(volume.array, volume.array, names.ignore_value)
        volume = replace(volume, array=array)
    predicted = read_predicted_dice(labels, names.table, volume.array)
    if image is None:
        subject = Subject(volume.array, volume.spacing_mm, names.table, predicted=predicted)
        return subject, volume.geometry
    check_is_no_segmentation(image)
    scan = reading.volume(image)
    check_is_no_label_map(scan.array, image)
    try:
        array = labels_on_grid(volume, scan.geometry)
    except InputError as error:
        raise InputError(f"{image}: does not lie on the grid of {labels}: {error}") from error
    subject = Subject(array, scan.spacing_mm, names.table, scan.array, predicted=predicted)
    return subject, scan.geometry
