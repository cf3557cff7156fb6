"""Check one case: read its files once and collect every problem."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.data.case_properties import (
    CaseProperties,
    ChannelProperties,
    count_labels,
    image_digest,
    measure_channel,
    sample_foreground,
)
from amcnet.data.label_files import LabelNames
from amcnet.data.pairing import Case
from amcnet.data.problems import Problem
from amcnet.errors import InputError
from amcnet.io import (
    BY_HEADER,
    Geometry,
    Reading,
    Volume,
    grid_differences,
    label_grid_problem,
    labels_on_grid,
    read_geometry,
)

_SAME_SPACING = 0.01  # relative


@dataclass(frozen=True)
class CaseResult:
    """The result of checking a case.

    Attributes:
        problems: Errors and warnings.
        properties: Measured properties; None if a file cannot be read or grids differ.
        digest: Equal for cases whose images have equal voxels; None if an image cannot be read.
    """

    problems: tuple[Problem, ...]
    properties: CaseProperties | None
    digest: str | None


def check_case(
    case: Case, folder: Path, names: LabelNames | None, reading: Reading = BY_HEADER
) -> CaseResult:
    """Read a case, collect its problems and measure it.

    Holds the labels and one image at a time in memory.

    Args:
        case: Its files.
        folder: Folder of the data set; files are named relative to it.
        names: Names of the label values; None allows any value.
        reading: How its files are read.
    """
    return _CaseCheck(case, folder, names, reading).run()


class _CaseCheck:
    """The state of checking one case."""

    def __init__(
        self, case: Case, folder: Path, names: LabelNames | None, reading: Reading
    ) -> None:
        self.case = case
        self.folder = folder
        self.names = names
        self.reading = reading
        self.problems: list[Problem] = []
        self.geometry: Geometry | None = None
        self.labels: NDArray[Any] | None = None
        self.places: NDArray[np.int64] | None = None
        self.channels: list[ChannelProperties] = []
        self.digests: list[str] = []
        self.is_one_grid = True

    def run(self) -> CaseResult:
        table = None if self.names is None else self.names.table
        ignore_value = self.ignore_value
        labels, label_geometry = self.read(
            self.case.labels, lambda path: self.reading.labels(path, table, ignore_value)
        )
        for path in self.case.images:
            image, geometry = self.read(path, self.reading.volume)
            if geometry is not None and self.geometry is None:
                self.geometry = geometry
                self.compare_spacing(path, geometry)
                if label_geometry is not None:
                    self.labels = self.fit(labels, label_geometry, geometry)
                if self.labels is not None:
                    self.places = sample_foreground(self.labels, ignore_value)
            if geometry is not None and self.geometry is not None:
                self.compare_channel(path, geometry, self.geometry)
            if image is not None:
                self.measure(path, image.array)
        properties = self.properties()
        digest = ",".join(self.digests) if len(self.digests) == len(self.case.images) else None
        return CaseResult(tuple(self.problems), properties, digest)

    @property
    def ignore_value(self) -> int | None:
        return None if self.names is None else self.names.ignore_value

    def read(
        self, path: Path, reader: Callable[[Path], Volume]
    ) -> tuple[Volume | None, Geometry | None]:
        """Read a file; if its voxels are unusable, try to read at least its grid."""
        try:
            volume = reader(path)
        except InputError as error:
            self.error(str(error))
        else:
            return volume, volume.geometry
        try:
            return None, self.reading.geometry(path)
        except InputError:  # reported already
            return None, None

    def fit(
        self, labels: Volume | None, label_geometry: Geometry, geometry: Geometry
    ) -> NDArray[Any] | None:
        """Return the labels on the image's grid; None if they do not fit."""
        path = self.case.labels
        try:
            if labels is not None:
                return labels_on_grid(labels, geometry)
            problem = label_grid_problem(path, label_geometry, geometry)
            if problem is not None:
                raise InputError(problem)
        except InputError as error:
            self.error(f"{path}: {error}")
        return None

    def compare_channel(self, path: Path, geometry: Geometry, first: Geometry) -> None:
        differences = grid_differences(first, geometry)
        if differences:
            self.is_one_grid = False
            self.error(
                f"{path}: lies on another grid than the case's first image: "
                f"{'; '.join(differences)}, expected the same"
            )

    def compare_spacing(self, path: Path, geometry: Geometry) -> None:
        """Warn if a header states another voxel size than the given one."""
        given_mm = self.reading.spacing_mm
        if given_mm is None:
            return
        try:
            stated_mm = read_geometry(path, self.reading.axes).canonical_spacing_mm
        except InputError:  # the header states none, or contradicts itself
            return
        if not np.allclose(stated_mm, given_mm, rtol=_SAME_SPACING, atol=0):
            stated, given = (
                " x ".join(f"{mm:.6g}" for mm in size) for size in (stated_mm, given_mm)
            )
            self.warn(
                f"its header states voxels of {stated} mm, the given size of {given} mm is used"
            )

    def measure(self, path: Path, image: NDArray[Any]) -> None:
        self.digests.append(image_digest(image))
        if image.min() == image.max():
            self.warn(f"{path}: all voxels have the value {float(image.min()):g}")
        # Indices of labelled voxels are valid only on the labels' grid.
        if self.places is not None and self.is_one_grid:
            self.channels.append(measure_channel(image, self.places))

    def properties(self) -> CaseProperties | None:
        if self.labels is None or self.geometry is None:
            return None
        voxels = count_labels(self.labels)
        self.check_values(voxels)
        if len(self.channels) < len(self.case.images):
            return None
        return CaseProperties(
            name=self.case.name,
            shape=self.geometry.canonical_shape,
            spacing_mm=self.geometry.canonical_spacing_mm,
            channels=tuple(self.channels),
            voxels=voxels,
        )

    def check_values(self, voxels: dict[int, int]) -> None:
        path = self.case.labels
        present = [value for value in voxels if value not in (0, self.ignore_value)]
        if not present:
            self.warn(f"{path}: the label map holds no structure, only background")
        if self.names is None:
            return
        unnamed = [value for value in present if value in self.names.placeholders]
        if unnamed:
            listed = ", ".join(map(str, unnamed))
            self.error(f"{path}: label values {listed} were found, expected values with a name")

    def error(self, text: str) -> None:
        self.problems.append(Problem("error", self.case.name, self.relative(text)))

    def warn(self, text: str) -> None:
        self.problems.append(Problem("warning", self.case.name, self.relative(text)))

    def relative(self, text: str) -> str:
        return text.replace(f"{self.folder}{os.sep}", "")
