"""Reading volumes: any supported file becomes an array in (scan, lateral, depth) order."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.atomic_files import find_extension, live_temporary
from amcnet.io.geometry import Geometry, Triple
from amcnet.io.metaimage_header import check_metaimage
from amcnet.io.nifti_header import check_nifti, check_nifti_header
from amcnet.io.nrrd_header import check_nrrd
from amcnet.io.simpleitk import quiet_simpleitk
from amcnet.io.volume import IMAGE_EXTENSIONS, Volume, check_finite
from amcnet.memory import check_room

_FORMATS = {
    ".nrrd": (check_nrrd, "NrrdImageIO"),
    ".nhdr": (check_nrrd, "NrrdImageIO"),
    ".mha": (check_metaimage, "MetaImageIO"),
    ".mhd": (check_metaimage, "MetaImageIO"),
    ".nii": (check_nifti, "NiftiImageIO"),
    ".nii.gz": (check_nifti, "NiftiImageIO"),
}
_COPIES = 2  # the image that SimpleITK reads and the array in canonical order
_HEADER_CHECKS = {".nii": check_nifti_header, ".nii.gz": check_nifti_header}  # else the same


def read_volume(
    path: str | Path,
    axes: str = "auto",
    series: str | None = None,
    spacing_mm: Triple | None = None,
) -> Volume:
    """Read a 3D image from .nrrd, .nhdr, .mha, .mhd, .nii, .nii.gz or DICOM.

    Args:
        path: The file; for DICOM also a folder, a zip archive or a DICOMDIR.
        axes: ``auto`` or what the file's x, y, z mean, see :meth:`Geometry.from_grid`.
        series: UID or number of a DICOM series, where there are several.
        spacing_mm: For DICOM without positions, see :func:`amcnet.io.dicom.read_dicom_volume`.

    Returns:
        The volume, with the file's own scalar type. An image of equal colour channels counts as
        grey, and a fourth axis of one entry is dropped.

    Raises:
        InputError: If the file is missing, not an image, truncated or damaged, not 3D, has
            colours, complex or non-finite voxels, or a spacing or direction that is not usable.
    """
    from amcnet.io.dicom import is_dicom, read_dicom_volume

    path = Path(path)
    if is_dicom(path):
        return read_dicom_volume(path, axes, series, spacing_mm)
    if series is not None or spacing_mm is not None:
        raise InputError(f"{path}: is no DICOM, expected neither a series nor spacing_mm with it")
    image = read_checked_image(path)
    try:
        return volume_from_image(image, axes, path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def volume_from_image(image: Any, axes: str = "auto", path: Path | None = None) -> Volume:  # noqa: ANN401
    """Turn a SimpleITK image into a volume; see :func:`read_volume` for what is refused.

    Args:
        image: A `SimpleITK.Image`.
        axes: ``auto`` or what the image's x, y, z mean.
        path: Where the image came from, kept in the volume.

    Raises:
        InputError: If the image cannot be used.
    """
    if "complex" in image.GetPixelIDTypeAsString():
        raise InputError("voxels are complex numbers, expected real ones")
    geometry = geometry_of_image(image, axes)
    stored = voxels_of_image(image, geometry)
    _check_grey(stored)
    array = np.array(geometry.to_canonical(stored[..., 0]))  # a copy: the view dies with the image
    check_finite(array)
    return Volume(array, geometry, path)


def geometry_of_image(image: Any, axes: str = "auto") -> Geometry:  # noqa: ANN401
    """Return the geometry of a SimpleITK image, without a fourth axis of one entry.

    Raises:
        InputError: If the image is not 3D or its grid cannot be used.
    """
    size = image.GetSize()
    rank = len(size)
    if rank < 3 or any(extent != 1 for extent in size[3:]):
        raise InputError(f"size is {' x '.join(map(str, size))}, expected a 3D image")
    spacing, origin = image.GetSpacing(), image.GetOrigin()
    direction = np.array(image.GetDirection()).reshape(rank, rank)[:3, :3]
    return Geometry.from_grid(
        size=(size[0], size[1], size[2]),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        origin_mm=(origin[0], origin[1], origin[2]),
        direction=tuple(float(value) for value in direction.ravel()),
        axes=axes,
    )


def voxels_of_image(image: Any, geometry: Geometry) -> npt.NDArray[Any]:  # noqa: ANN401
    """Return the voxels as stored, (z, y, x, channel): a view that lives as long as the image."""
    with quiet_simpleitk() as sitk:
        view: npt.NDArray[Any] = sitk.GetArrayViewFromImage(image)
    return view.reshape((*geometry.stored_shape, image.GetNumberOfComponentsPerPixel()))


def read_geometry(path: str | Path, axes: str = "auto") -> Geometry:
    """Read where the voxels of a file lie, from its header alone.

    Args:
        path: The file; its voxels may be unusable (NaN, for example).
        axes: ``auto`` or what the file's x, y, z mean.

    Raises:
        InputError: If the header is damaged, or says that the image is not 3D or its spacing or
            direction not usable.
    """
    from amcnet.io.dicom import is_dicom, read_dicom_geometry

    path = Path(path)
    if is_dicom(path):
        return read_dicom_geometry(path, axes)
    header = read_checked_header(path)
    try:
        return geometry_of_image(header, axes)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_checked_header(path: Path) -> Any:  # noqa: ANN401  SimpleITK has no type information
    """Read a file's header as a `SimpleITK.ImageFileReader` that knows size, spacing and so on.

    Raises:
        InputError: If the file is missing, empty, of unknown type, or its header is damaged.
    """
    extension = _check_file(path)
    check, io_name = _FORMATS[extension]
    with _errors_in_words(path, extension), quiet_simpleitk() as sitk:
        _HEADER_CHECKS.get(extension, check)(path)
        reader = _reader(sitk, path, io_name)
        reader.ReadImageInformation()
        return reader


def read_checked_image(path: Path) -> Any:  # noqa: ANN401  SimpleITK has no type information
    """Read a file as a `SimpleITK.Image` after checking what SimpleITK takes without a word.

    Raises:
        InputError: If the file is missing, empty, of unknown type, truncated or damaged.
        NotEnoughMemoryError: If the machine is too small for it.
    """
    extension = _check_file(path)
    check, io_name = _FORMATS[extension]
    with _errors_in_words(path, extension), quiet_simpleitk() as sitk:
        check(path)
        with _readable_path(path, extension) as readable:
            reader = _reader(sitk, readable, io_name)
            reader.ReadImageInformation()
            check_room(f"{path}", _COPIES * _stored_bytes(sitk, reader))
            return reader.Execute()


def _stored_bytes(sitk: Any, reader: Any) -> int:  # noqa: ANN401
    """Return the bytes of the voxels of an image whose header has been read."""
    one = sitk.Image([1, 1], reader.GetPixelIDValue())
    component_bytes = int(one.GetSizeOfPixelComponent())
    voxels = prod(int(size) for size in reader.GetSize())
    return voxels * int(reader.GetNumberOfComponents()) * component_bytes


@contextmanager
def _errors_in_words(path: Path, extension: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be read ({reason})") from error
    except (RuntimeError, MemoryError) as error:
        raise InputError(
            f"{path}: cannot be read, expected a complete {extension} image "
            f"({_short_reason(error, path)})"
        ) from error


def _check_file(path: Path) -> str:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{path!a}: the name is no text, expected one in UTF-8") from error
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected an image file")
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected an image file")
    extension = find_extension(path, IMAGE_EXTENSIONS)
    if extension is None:
        known = " ".join(IMAGE_EXTENSIONS)
        raise InputError(f"{path}: unknown file type '{path.suffix}', expected one of {known}")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes), expected a {extension} image")
    return extension


@contextmanager
def _readable_path(path: Path, extension: str) -> Iterator[Path]:
    """Yield the path, or a copy of it where SimpleITK would read the voxels of another file.

    Its NIfTI reader, asked for ``a.nii.gz``, takes the voxels of ``a.nii`` when that lies beside.
    """
    if extension == ".nii.gz" and path.with_suffix("").exists():
        with tempfile.TemporaryDirectory() as folder, live_temporary(Path(folder)):
            yield Path(shutil.copyfile(path, Path(folder) / "image.nii.gz"))
    else:
        yield path


def _reader(sitk: Any, path: Path, io_name: str) -> Any:  # noqa: ANN401
    reader = sitk.ImageFileReader()
    reader.SetImageIO(io_name)  # by name: detection fails on upper-case extensions
    reader.SetFileName(str(path))
    return reader


def _short_reason(error: Exception, path: Path) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return reason.removeprefix("sitk::ERROR:").replace(str(path), path.name).strip()


def _check_grey(stored: npt.NDArray[Any]) -> None:
    channels = stored.shape[3]
    for plane in stored:  # plane by plane, so that no copy of the volume is made
        if channels > 1 and not (plane == plane[..., :1]).all():
            raise InputError(f"voxels have {channels} different channels, expected a grey image")
