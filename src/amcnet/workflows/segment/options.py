"""Options of a segmentation run, and the input and output files of each volume."""

from dataclasses import dataclass
from pathlib import Path

from amcnet.inference import Segmenter
from amcnet.inference.engine import BackendName
from amcnet.inference.probabilities import EXTENSION as PROBABILITIES_EXTENSION
from amcnet.inference.quality_presets import Quality
from amcnet.io import LABEL_EXTENSIONS, Colour, Reading, find_extension
from amcnet.io.dicom import SegType
from amcnet.io.geometry import Triple

AXES_SEARCH = "search"


@dataclass(frozen=True)
class SegmentOptions:
    """Options of a segmentation run.

    Attributes:
        models: Folders or names of models; several form an ensemble, empty is the bundled model.
        backend: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda:N``, ``mps`` or ``xpu``.
        quality: ``fast``, ``balanced`` or ``best``.
        memory_gb: Memory limit in GiB, see :class:`amcnet.inference.Segmenter`.
        axes: Interpretation of the files' x, y, z axes. ``auto``: by their direction cosines, and
            by :func:`search_axes` if no hand is found; ``search``: always by the search.
        spacing_mm: Voxel size in (scan, lateral, depth) that overrides the files'.
        cleanup: Clean up the labels.
        probabilities: Also write the probabilities, see :func:`probabilities_path`.
        only: Structures to write, see :func:`amcnet.labelmaps.find_structures`; empty: all.
        separate: Write a folder of masks for each volume instead of one file.
        extension: Extension of the files in folders; None is that of the input, and ``.nii.gz`` for
            masks.
        overwrite: Replace existing outputs.
        skip_existing: Skip volumes whose output exists.
        series: UID or number of the series in a DICOM input that holds several.
        colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.
        seg_type: Type of DICOM outputs, see :func:`amcnet.io.write_labels`.
        measure: Measure every structure, for :class:`JsonLines`.

    Example:
        >>> SegmentOptions(quality="fast", only=("thumb",)).backend
        'auto'
    """

    models: tuple[str, ...] = ()
    backend: BackendName = "auto"
    device: str = "auto"
    quality: Quality = "balanced"
    memory_gb: float | None = None
    axes: str = "auto"
    spacing_mm: Triple | None = None
    cleanup: bool = True
    probabilities: bool = False
    only: tuple[str, ...] = ()
    separate: bool = False
    extension: str | None = None
    overwrite: bool = False
    skip_existing: bool = False
    series: str | None = None
    colour: Colour = "luma"
    seg_type: SegType = "binary"
    measure: bool = False

    def __post_init__(self) -> None:
        """Take one name for a list of one."""
        for name in ("models", "only"):
            given = getattr(self, name)
            names = (given,) if isinstance(given, str) else tuple(given or ())
            object.__setattr__(self, name, names)

    def reading(self, axes: str | None = None) -> Reading:
        """Return how the files are read.

        Args:
            axes: Meaning of x, y and z, if a search has found it; None uses the options' own.
        """
        if axes is None:
            axes = "auto" if self.axes == AXES_SEARCH else self.axes
        return Reading(self.spacing_mm, axes, self.series, self.colour)

    def load(self) -> Segmenter:
        """Load the model.

        Raises:
            ModelError: If it cannot be used.
            ConfigError: If the quality is unknown.
        """
        return Segmenter(
            self.models or None, self.backend, self.quality, self.memory_gb, self.device
        )


@dataclass(frozen=True)
class Job:
    """One volume to segment.

    Attributes:
        source: File of the volume, or of its channel 0; or its DICOM folder.
        target: Output file of the labels, or output folder of the masks.
        also: A second file for the labels.
        report: Output file of the report page.

    Example:
        >>> Job(Path("scan.nrrd"), Path("scan.seg.nrrd")).report is None
        True
    """

    source: Path
    target: Path
    also: Path | None = None
    report: Path | None = None


def probabilities_path(job: Job) -> Path:
    """Return the output file of the probabilities, next to the labels and named after them."""
    extension = find_extension(job.target, LABEL_EXTENSIONS) or ""
    stem = job.target.name[: len(job.target.name) - len(extension)]
    return job.target.with_name(f"{stem}{PROBABILITIES_EXTENSION}")
