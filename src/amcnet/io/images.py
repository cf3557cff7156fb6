"""Read volumes: any supported file becomes an array in (scan, lateral, depth) order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.colour import Colour, check_colour, grey_voxels
from amcnet.io.extensions import IMAGE_EXTENSIONS, find_extension
from amcnet.io.geometry import Geometry, Triple
from amcnet.io.image_header import ImageHeader
from amcnet.io.input_files import check_regular_file
from amcnet.io.metaimage_header import read_metaimage_header
from amcnet.io.nifti_header import read_nifti_header
from amcnet.io.nrrd_header import read_nrrd_header
from amcnet.io.simpleitk import quiet_simpleitk
from amcnet.io.volume import Volume, check_finite
from amcnet.io.voxel_decoding import read_voxels

_READERS: dict[str, Callable[[Path, bool], ImageHeader]] = {
    ".nrrd": read_nrrd_header,
    ".nhdr": read_nrrd_header,
    ".mha": read_metaimage_header,
    ".mhd": read_metaimage_header,
    ".nii": read_nifti_header,
    ".nii.gz": read_nifti_header,
}


def read_volume(
    path: str | Path,
    axes: str = "auto",
    series: str | None = None,
    spacing_mm: Triple | None = None,
    colour: Colour = "luma",
) -> Volume:
    """Read a 3D image from .nrrd, .nhdr, .mha, .mhd, .nii, .nii.gz or DICOM.

    Args:
        path: The file; for DICOM also a folder, a zip archive or a DICOMDIR.
        axes: ``auto`` or the meaning of the file's x, y, z, see :meth:`Geometry.from_grid`.
        series: UID or number of a DICOM series, if there are several.
        spacing_mm: Voxel size in (scan, lateral, depth), in mm, to use instead of the file's: for a
            file that states none, a wrong one, or two contradictory ones.
        colour: ``luma`` turns colours into intensities and reports it in the log, ``refuse``
            refuses them.

    Returns:
        The volume, (scan, lateral, depth), in the file's own dtype; float32 if the file scales its
        values. Equal colour channels count as greyscale, and a fourth axis of length 1 is dropped.

    Raises:
        InputError: If the file is missing, not an image, truncated or damaged, not 3D, has several
            values per voxel that are not colours (or colours, which are refused), complex or
            non-finite voxels, or an unusable spacing or direction.
        NotEnoughMemoryError: If it does not fit into memory.

    Example:
        >>> from amcnet.io.image_writing import write_image
        >>> image = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
        >>> write_image("scan.nii.gz", image, Geometry.canonical(image.shape, (0.5, 0.2, 0.1)))
        >>> volume = read_volume("scan.nii.gz")
        >>> volume.array.shape, [round(mm, 3) for mm in volume.spacing_mm]
        ((2, 3, 4), [0.5, 0.2, 0.1])
    """
    from amcnet.io.dicom import is_dicom, read_dicom_volume

    path = Path(path)
    check_colour(colour)
    if is_dicom(path):
        return read_dicom_volume(path, axes, series, spacing_mm, colour)
    if series is not None:
        raise InputError(f"{path}: is not DICOM, expected no series with it")
    with errors_in_words(path):
        header = read_image_header(path, with_spacing=spacing_mm is None)
        geometry = header.geometry(axes, spacing_mm)
        how = colour if header.may_be_colour else None
        stored = grey_voxels(read_voxels(header), str(path), how)
        array = geometry.to_canonical(stored)
        check_finite(array)
        return Volume(array, geometry, path)


def read_geometry(
    path: str | Path,
    axes: str = "auto",
    spacing_mm: Triple | None = None,
    series: str | None = None,
) -> Geometry:
    """Read the grid of a file from its header only.

    Args:
        path: The file; its voxels are not read, so they may be unusable (NaN, for example).
        axes: ``auto`` or the meaning of the file's x, y, z.
        spacing_mm: Voxel size in (scan, lateral, depth) to use instead of the file's, in mm.
        series: UID or number of a DICOM series, if there are several.

    Raises:
        InputError: If the header is damaged, the image is not 3D, or its spacing or direction is
            unusable.

    Example:
        >>> from amcnet.io.image_writing import write_image
        >>> image = np.zeros((2, 3, 4), np.uint8)
        >>> write_image("scan.mha", image, Geometry.canonical(image.shape, (0.5, 0.2, 0.1)))
        >>> read_geometry("scan.mha").canonical_shape
        (2, 3, 4)
    """
    from amcnet.io.dicom import is_dicom, read_dicom_geometry

    path = Path(path)
    if is_dicom(path):
        return read_dicom_geometry(path, axes, series, spacing_mm)
    with errors_in_words(path):
        return read_image_header(path, with_spacing=spacing_mm is None).geometry(axes, spacing_mm)


def read_image_header(path: Path, with_spacing: bool = True) -> ImageHeader:
    """Read the header of a file that is not DICOM.

    Args:
        path: The file.
        with_spacing: Whether the header must state a usable voxel size.

    Raises:
        InputError: If the file is missing, empty, not a regular file, of an unknown type, or its
            header is damaged.
    """
    check_regular_file(path, "an image file")
    extension = find_extension(path, tuple(_READERS))
    if extension is None:
        known = " ".join(IMAGE_EXTENSIONS)
        raise InputError(f"{path}: unknown file type '{path.suffix}', expected one of {known}")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes), expected a {extension} image")
    return _READERS[extension](path, with_spacing)


@contextmanager
def errors_in_words(path: Path) -> Iterator[None]:
    """Turn every error of reading a file into one sentence that starts with its path."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"{path}"):
            raise
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be read ({reason})") from error


def volume_from_image(
    image: Any,  # noqa: ANN401
    axes: str = "auto",
    path: Path | None = None,
    colour: Colour = "luma",
) -> Volume:
    """Convert a SimpleITK image to a volume, with the same checks as :func:`read_volume`.

    Args:
        image: A `SimpleITK.Image`.
        axes: ``auto`` or the meaning of the image's x, y, z.
        path: File of the image, stored in the volume.
        colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.

    Raises:
        InputError: If the image is unusable.

    Example:
        >>> import SimpleITK as sitk
        >>> volume_from_image(sitk.Image([4, 3, 2], sitk.sitkUInt8)).array.shape
        (2, 3, 4)
    """
    if "complex" in image.GetPixelIDTypeAsString():
        raise InputError("voxels are complex numbers, expected real ones")
    geometry = geometry_of_image(image, axes)
    check_colour(colour)
    name = "image" if path is None else str(path)
    stored = grey_voxels(voxels_of_image(image, geometry), name, colour)
    array = np.array(geometry.to_canonical(stored))  # a copy: the view would not survive the image
    check_finite(array)
    return Volume(array, geometry, path)


def geometry_of_image(image: Any, axes: str = "auto") -> Geometry:  # noqa: ANN401
    """Return the geometry of a SimpleITK image, without a fourth axis of length 1.

    Raises:
        InputError: If the image is not 3D or its grid is unusable.
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
    """Return the voxels as stored, (z, y, x, channel), as a view into the image."""
    with quiet_simpleitk() as sitk:
        view: npt.NDArray[Any] = sitk.GetArrayViewFromImage(image)
    return view.reshape((*geometry.stored_shape, image.GetNumberOfComponentsPerPixel()))
