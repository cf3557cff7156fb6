"""The report page of a label file, whoever made it."""

from pathlib import Path

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError
from amcnet.io import read_labels, read_volume, same_grid
from amcnet.quality import QualityReport
from amcnet.report.page import Subject, write_report
from amcnet.workflows.segment.provenance import making_of_labels

_NOTICE = "Research software, no medical device. Which model made these labels is not known."


def write_label_report(
    path: Path, labels: Path, image: Path | None = None, table: LabelTable | None = None
) -> QualityReport:
    """Write the page of a label file, see :func:`amcnet.report.write_report`.

    Args:
        path: The page; it appears whole or not at all.
        labels: The file.
        image: The volume that was segmented, on the same grid; without it pictures show the
            labels alone.
        table: What the labels mean, the hand's where left out.

    Returns:
        The verdict on the page, that of :func:`amcnet.workflows.check_file`.

    Raises:
        InputError: If a file cannot be read, or they lie on different grids.
        OutputError: If the page cannot be written.
    """
    table = hand_label_table() if table is None else table
    volume = read_labels(labels, table)
    scan = None if image is None else read_volume(image)
    if scan is not None and (difference := same_grid(volume.geometry, scan.geometry)) is not None:
        raise InputError(f"{image}: does not lie on the grid of {labels}: {difference}")
    grey = None if scan is None else scan.array
    subject = Subject(volume.array, volume.spacing_mm, table, grey)
    making = making_of_labels(labels, image, volume.geometry)
    return write_report(path, subject, f"Check of {labels.name}", making, _NOTICE)
