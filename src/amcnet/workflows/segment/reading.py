"""Read a volume for the network, with notes about doubtful files."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.inference import Segmenter
from amcnet.inference.segmenter import Prepared
from amcnet.io import Volume, is_dicom, read_segments
from amcnet.io.spacing_doubts import doubtful_spacing
from amcnet.workflows.segment.file_names import channel_files
from amcnet.workflows.segment.options import Job, SegmentOptions

_log = logging.getLogger(__name__)

_MOST_LABELS = 128
_FLAT_SHARE = 0.75  # share of equal neighbouring voxels in a label map; ultrasound has few


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
        _check_is_no_segmentation(files[0])
    reading = options.reading(axes)
    volumes = [reading.volume(file) for file in files]
    if segmenter.channels == 1:  # further channels may be label maps
        check_is_no_label_map(volumes[0], files[0])
    notes = () if options.spacing_mm is not None else _spacing_notes(volumes[0], job.source)
    return ReadVolume(segmenter.prepare(volumes), notes)


def _spacing_notes(volume: Volume, source: Path) -> tuple[str, ...]:
    doubt = doubtful_spacing(volume.geometry)
    return () if doubt is None else (f"{source}: {doubt}",)


def _check_is_no_segmentation(path: Path) -> None:
    """Check by its header that a file is no 3D Slicer segmentation."""
    segments = () if is_dicom(path) else read_segments(path)
    if segments:
        raise InputError(
            f"{path}: holds the labels of {len(segments)} segments, expected an ultrasound image; "
            "'amcnet check' and 'amcnet measure' take labels"
        )


def check_is_no_label_map(volume: Volume, path: Path) -> None:
    """Refuse a label map, in which few values fill large areas.

    Raises:
        InputError: If the volume is a label map.
    """
    array = volume.array
    planes = array[:: max(1, len(array) // 16)]
    inside = planes[:, :, :-1] != 0
    if not inside.any() or not _holds_whole_numbers(planes):
        return
    values = np.unique(planes)
    if len(values) > _MOST_LABELS or values[0] < 0 or len(values) <= 1:
        return
    share = (planes[:, :, 1:] == planes[:, :, :-1])[inside].mean()
    if share >= _FLAT_SHARE and _background_share(planes) > 0.5:
        raise InputError(
            f"{path}: holds labels ({len(values)} different values up to {values[-1]:g}), expected "
            "an ultrasound image; 'amcnet check' and 'amcnet measure' take labels"
        )


def _background_share(planes: NDArray[Any]) -> float:
    return float((planes == 0).mean())


def _holds_whole_numbers(planes: NDArray[Any]) -> bool:
    if planes.dtype.kind in "biu":
        return True
    return bool((planes == np.round(planes)).all())
