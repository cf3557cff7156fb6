"""Write volumes on their own grid, atomically."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from amcnet.errors import InputError, OutputError
from amcnet.extras import require_extra
from amcnet.io.array_sources import array_of
from amcnet.io.atomic_files import atomic_path, check_parent, expect_absent
from amcnet.io.extensions import GRID_EXTENSIONS, find_extension
from amcnet.io.geometry import Geometry
from amcnet.io.grid_comparison import storage_differences
from amcnet.io.image_formats import write_metaimage, write_nifti, write_nrrd
from amcnet.io.images import read_geometry


def check_extension(path: Path, extensions: tuple[str, ...]) -> str:
    """Return the extension of a path, in lower case.

    Raises:
        OutputError: If it is not one of ``extensions``.
    """
    extension = find_extension(path, extensions)
    if extension is None:
        allowed = " ".join(extensions)
        raise OutputError(f"{path}: unknown file type '{path.suffix}', expected one of {allowed}")
    return extension


def check_output(
    path: str | Path, overwrite: bool = False, extensions: tuple[str, ...] = GRID_EXTENSIONS
) -> Path:
    """Check, before any work, that a volume can be written to ``path``.

    Raises:
        OutputError: If the extension is not one of ``extensions`` (letter case is ignored), the
            folder does not exist or is read-only, or the file exists and ``overwrite`` is False.
        MissingExtraError: If it is DICOM and the package for writing DICOM is not installed.

    Example:
        >>> check_output("labels.nii.gz").name
        'labels.nii.gz'
    """
    path = Path(path)
    if check_extension(path, extensions) == ".dcm":
        require_extra("dicom", f"{path}: writing DICOM segmentations")
    check_free(path, overwrite)
    return path


def check_free(path: Path, overwrite: bool = False) -> None:
    """Check that a file can be written to ``path``, whatever its type.

    Raises:
        OutputError: If the folder does not exist or is read-only, ``path`` is a folder or a
            special file, or the file exists and ``overwrite`` is False.

    Example:
        >>> check_free(Path("new.csv"))  # an existing file would raise OutputError
    """
    check_parent(path)
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, expected the name of a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is a device, pipe or socket, expected the name of a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists, use --overwrite to replace it")
    expect_absent(path, not overwrite)


def write_image(
    path: str | Path, image: npt.ArrayLike, geometry: Geometry, overwrite: bool = False
) -> None:
    """Write an image as one of :data:`amcnet.io.GRID_EXTENSIONS`, compressed unless ``.nii``.

    Args:
        path: Output file.
        image: Voxels, (scan, lateral, depth), integers or floats.
        geometry: Grid of the voxels.
        overwrite: Replace an existing file.

    Raises:
        OutputError: If the file cannot be written there. No partial file remains.

    Example:
        >>> import numpy as np
        >>> from amcnet.io.images import read_volume
        >>> image = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
        >>> write_image("scan.nrrd", image, Geometry.canonical(image.shape, (0.5, 0.2, 0.1)))
        >>> read_volume("scan.nrrd").spacing_mm
        (0.5, 0.2, 0.1)
    """
    path = check_output(path, overwrite)
    with atomic_path(path) as temporary:
        write_grid(temporary, geometry.from_canonical(array_of(image)), geometry)


def write_grid(path: Path, stored: npt.NDArray[Any], geometry: Geometry) -> None:
    """Write an array (z, y, x) in the axes of the file, and verify its header.

    Raises:
        OSError: If the operating system refuses to write.
        OutputError: If the header read back differs. The text has no path.
    """
    extension = find_extension(path, GRID_EXTENSIONS)
    if extension == ".nrrd":
        write_nrrd(path, stored, geometry)
    elif extension == ".mha":
        write_metaimage(path, stored, geometry)
    else:
        write_nifti(path, stored, geometry, compressed=extension == ".nii.gz")
    check_written(path, geometry)


def check_written(path: Path, geometry: Geometry) -> None:
    """Read the header of a written file back and compare its grid.

    Raises:
        OutputError: If it cannot be read or differs. The text has no path.
    """
    try:
        differences = storage_differences(read_geometry(path), geometry)
    except InputError as error:
        text = str(error).removeprefix(f"{path}: ")
        raise OutputError(f"cannot be read back ({text})") from error
    if differences:
        raise OutputError(f"differs when read back ({'; '.join(differences)})")
