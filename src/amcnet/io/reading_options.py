"""Reading options, for files whose headers are incomplete or wrong."""

from dataclasses import dataclass
from pathlib import Path

from amcnet.anatomy.label_table import LabelTable
from amcnet.io.colour import Colour
from amcnet.io.geometry import Geometry, Triple
from amcnet.io.images import read_geometry, read_volume
from amcnet.io.label_reading import read_labels
from amcnet.io.label_volume import LabelVolume
from amcnet.io.volume import Volume


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Attributes:
        spacing_mm: Voxel size in (scan, lateral, depth), in mm, instead of the files' own.
        axes: Meaning of the files' x, y and z; ``auto``: by their direction cosines.
        series: UID or number of the series, for a DICOM input with several.
        colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.

    Example:
        >>> Reading(spacing_mm=(0.279, 0.13, 0.088)).axes
        'auto'
    """

    spacing_mm: Triple | None = None
    axes: str = "auto"
    series: str | None = None
    colour: Colour = "luma"

    def volume(self, path: Path) -> Volume:
        """Read an image, see :func:`amcnet.io.read_volume`."""
        return read_volume(path, self.axes, self.series, self.spacing_mm, self.colour)

    def geometry(self, path: Path) -> Geometry:
        """Read the grid of a file, see :func:`amcnet.io.read_geometry`."""
        return read_geometry(path, self.axes, self.spacing_mm, self.series)

    def labels(
        self, path: Path, table: LabelTable | None = None, ignore_value: int | None = None
    ) -> LabelVolume:
        """Read labels, see :func:`amcnet.io.read_labels`."""
        return read_labels(path, table, self.axes, ignore_value, self.spacing_mm)


BY_HEADER = Reading()
"""Read files according to their headers."""
