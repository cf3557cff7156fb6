"""Check label files."""

from pathlib import Path

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError
from amcnet.io import read_labels, read_volume, same_grid
from amcnet.quality import QualityReport, check_segmentation


def check_file(
    labels: Path, image: Path | None = None, table: LabelTable | None = None
) -> QualityReport:
    """Check a label file, see :func:`check_segmentation`.

    Args:
        labels: The file.
        image: The volume that was segmented, on the same grid.
        table: What the labels mean, the hand's where left out.

    Raises:
        InputError: If a file cannot be read, or they lie on different grids.
    """
    table = hand_label_table() if table is None else table
    volume = read_labels(labels, table)
    grey = None
    if image is not None:
        scan = read_volume(image)
        difference = same_grid(volume.geometry, scan.geometry)
        if difference is not None:
            raise InputError(f"{image}: does not lie on the grid of {labels}: {difference}")
        grey = scan.array
    return check_segmentation(volume.array, volume.spacing_mm, table, image=grey)
