"""Results in every format that ``amcnet segment`` writes, made when they are first requested."""

import threading
import zipfile
from pathlib import Path

import numpy as np

from amcnet.anatomy import LabelTable
from amcnet.errors import ConfigError, InputError
from amcnet.inference import Segmentation
from amcnet.io import (
    LABEL_EXTENSIONS,
    atomic_path,
    is_dicom,
    read_labels,
    write_labels,
)
from amcnet.io.dicom import SegType
from amcnet.labelmaps.selection import find_structures
from amcnet.service.job_options import JobOptions
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.stored_job import StoredJob
from amcnet.service.work.job_output import (
    DICOM_FILE,
    LABELS_FILE,
    load_result,
    reading_of,
    volume_of,
)
from amcnet.workflows.segment.masks import write_each

_SEG_TYPES: tuple[SegType, ...] = ("binary", "labelmap")


class ResultFormats:
    """Writes results in formats other than the stored one; each is written once.

    Args:
        folders: Where the files of the jobs are.
    """

    def __init__(self, folders: JobFolders) -> None:
        self._folders = folders
        self._lock = threading.Lock()

    def labels(self, job: StoredJob, extension: str, seg_type: str = "binary") -> Path:
        """Return the file with the labels of a job.

        Args:
            job: The job.
            extension: One of :data:`amcnet.io.LABEL_EXTENSIONS`.
            seg_type: Kind of a DICOM segmentation: ``binary`` or ``labelmap``.

        Raises:
            ConfigError: If the format is unknown, or is DICOM but the volume is not.
            OutputError: If it cannot be written.
        """
        _check(extension, seg_type)
        folder = self._folders.output(job.id)
        if extension == LABELS_FILE.removeprefix("labels"):
            return folder / LABELS_FILE
        path = folder / (DICOM_FILE if extension == ".dcm" else f"labels{extension}")
        if extension == ".dcm" and seg_type != "binary":
            path = folder / f"labels.{seg_type}.dcm"
        with self._lock:
            if not path.exists():
                self._write(job, path, seg_type)
        return path

    def masks(self, job: StoredJob, extension: str) -> Path:
        """Return a zip archive with a mask of every structure that was found.

        Raises:
            ConfigError: If the format is unknown, or is DICOM but the volume is not.
            OutputError: If it cannot be written.
        """
        _check(extension, "binary")
        path = self._folders.output(job.id) / f"masks{extension}.zip"
        with self._lock:
            if not path.exists():
                self._write_masks(job, path, extension)
        return path

    def _write(self, job: StoredJob, path: Path, seg_type: str) -> None:
        found, kept = self._read(job)
        kind: SegType = "labelmap" if seg_type == "labelmap" else "binary"
        self._check_source(job, path.name.endswith(".dcm"))
        write_labels(path, found.labels, found.geometry, found.table, True, kept, kind)

    def _write_masks(self, job: StoredJob, path: Path, extension: str) -> None:
        found, _ = self._read(job)
        self._check_source(job, extension == ".dcm")
        folder = path.with_name(f"masks{extension}")
        written = write_each(found, folder, extension, overwrite=True)
        with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for mask in written:
                archive.write(mask, mask.name)
        for mask in written:
            mask.unlink()
        folder.rmdir()

    def _check_source(self, job: StoredJob, is_dicom_wanted: bool) -> None:
        if is_dicom_wanted and not is_dicom(volume_of(job, self._folders)):
            raise ConfigError(
                "format: a DICOM segmentation refers to DICOM images but the volume is not DICOM, "
                "expected another format such as .seg.nrrd"
            )

    def _read(self, job: StoredJob) -> tuple[Segmentation, tuple[int, ...] | None]:
        """Read the stored labels on the grid of the volume, with the values that are listed."""
        options, stored = JobOptions(**job.options), load_result(job.id, self._folders)
        table = LabelTable.from_dicts(stored.labels)
        reading = reading_of(options, str(stored.event["axes"]))
        geometry = reading.geometry(volume_of(job, self._folders))
        volume = read_labels(self._folders.output(job.id) / LABELS_FILE, table, geometry.axes)
        if volume.array.shape != geometry.canonical_shape:
            raise InputError(f"job {job.id}: its labels do not fit its volume")
        labels = volume.array.astype(np.uint8)
        found = {int(value): 1.0 for value in np.unique(labels) if value}
        kept = find_structures(table, options.only) if options.only else None
        return Segmentation(labels, geometry, table, found, "", {}), kept


def _check(extension: str, seg_type: str) -> None:
    if extension not in LABEL_EXTENSIONS:
        known = " ".join(LABEL_EXTENSIONS)
        raise ConfigError(f"format: found '{extension}', expected one of {known}")
    if seg_type not in _SEG_TYPES:
        raise ConfigError(f"seg_type: found '{seg_type}', expected one of {', '.join(_SEG_TYPES)}")
