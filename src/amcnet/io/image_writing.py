"""Writing voxels on a file's own grid, beside and then renamed."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from amcnet.errors import InputError, OutputError
from amcnet.extras import require_extra
from amcnet.io.atomic_files import atomic_path, check_parent, find_extension
from amcnet.io.geometry import Geometry
from amcnet.io.nifti_header import check_nifti
from amcnet.io.simpleitk import quiet_simpleitk

GRID_EXTENSIONS = (".nrrd", ".nii.gz", ".nii", ".mha")
COMPRESSION_LEVEL = 1  # higher levels cost time and gain little, on labels and on speckle alike


def check_output(
    path: str | Path, overwrite: bool = False, extensions: tuple[str, ...] = GRID_EXTENSIONS
) -> Path:
    """Check, before any work, that a volume can be written to ``path``.

    Raises:
        OutputError: If the extension is none of ``extensions``, the folder does not exist or is
            read-only, or the file exists and ``overwrite`` is False.
        MissingExtraError: If it is DICOM and what writes that is not installed.
    """
    path = Path(path)
    extension = find_extension(path, extensions)
    if extension is None:
        allowed = " ".join(extensions)
        raise OutputError(f"{path}: unknown file type '{path.suffix}', expected one of {allowed}")
    if extension == ".dcm":
        require_extra("dicom", f"{path}: writing DICOM segmentations")
    check_free(path, overwrite)
    return path


def check_free(path: Path, overwrite: bool = False) -> None:
    """Check that a file can be written to ``path``, whatever its type.

    Raises:
        OutputError: If the folder does not exist or is read-only, ``path`` is a folder, or the
            file exists and ``overwrite`` is False.
    """
    check_parent(path)
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, expected the name of a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists, use --overwrite to replace it")


def write_image(
    path: str | Path, image: npt.NDArray[Any], geometry: Geometry, overwrite: bool = False
) -> None:
    """Write an image, compressed, as one of :data:`GRID_EXTENSIONS`.

    Args:
        path: Output file.
        image: Voxels, (scan, lateral, depth).
        geometry: Where the voxels lie.
        overwrite: Replace an existing file.

    Raises:
        OutputError: If the file cannot be written there. Nothing is left behind.
    """
    path = check_output(path, overwrite)
    with atomic_path(path) as temporary:
        write_grid(temporary, geometry.from_canonical(image), geometry)


def write_grid(path: Path, stored: npt.NDArray[Any], geometry: Geometry) -> None:
    """Write an array that is already in the file's own axes."""
    with quiet_simpleitk() as sitk:
        image = sitk.GetImageFromArray(stored)
        image.SetSpacing(geometry.spacing_mm)
        image.SetOrigin(geometry.origin_mm)
        image.SetDirection(geometry.direction)
        sitk.WriteImage(image, str(path), True, COMPRESSION_LEVEL)
    if find_extension(path, (".nii", ".nii.gz")) is not None:
        # The NIfTI writer says nothing when a disk is full.
        try:
            check_nifti(path)
        except InputError as error:
            raise OutputError(f"could not be written whole ({error})") from error
