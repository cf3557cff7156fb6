"""Read a volume for the network, with notes about doubtful files."""

from dataclasses import dataclass
from pathlib import Path

from amcnet.inference import Segmenter
from amcnet.inference.prepared import Prepared
from amcnet.io import Volume
from amcnet.io.spacing_doubts import doubtful_spacing
from amcnet.workflows.image_check import check_is_no_label_map, check_is_no_segmentation
from amcnet.workflows.segment.file_names import channel_files
from amcnet.workflows.segment.options import Job, SegmentOptions


@dataclass(frozen=True)
class ReadVolume:
    """A volume ready for the network.

    Attributes:
        prepared: The volume on the network's grid.
        notes: Sentences about doubtful properties of the file.
    """

    prepared: Prepared
    notes: tuple[str, ...] = ()


def read_job(
    job: Job, options: SegmentOptions, segmenter: Segmenter, axes: str | None = None
) -> ReadVolume:
    """Read the channels of a volume and resample them to the network's grid.

    Args:
        job: The volume.
        options: Segmentation options.
        segmenter: The model.
        axes: Interpretation of x, y and z that overrides the options.

    Raises:
        InputError: If a file is missing, cannot be read, or contains labels.
        NotEnoughMemoryError: If the machine has too little memory.
    """
    files = channel_files(job.source, segmenter.channels)
    if segmenter.channels == 1:
        check_is_no_segmentation(files[0])
    reading = options.reading(axes)
    volumes = [reading.volume(file) for file in files]
    if segmenter.channels == 1:  # further channels may be label maps
        check_is_no_label_map(volumes[0].array, files[0])
    notes = () if options.spacing_mm is not None else _spacing_notes(volumes[0], job.source)
    return ReadVolume(segmenter.prepare(volumes), notes)


def _spacing_notes(volume: Volume, source: Path) -> tuple[str, ...]:
    doubt = doubtful_spacing(volume.geometry)
    return () if doubt is None else (f"{source}: {doubt}",)
