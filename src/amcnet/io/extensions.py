"""File extensions of the formats that can be read and written; all commands use these lists."""

from pathlib import Path

IMAGE_EXTENSIONS = (".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz", ".dcm", ".dicom")
"""Extensions of the volumes that :func:`amcnet.io.read_volume` reads."""

SEGMENTATION_EXTENSION = ".seg.nrrd"
"""Extension of a 3D Slicer segmentation."""

READABLE_EXTENSIONS = (SEGMENTATION_EXTENSION, *IMAGE_EXTENSIONS)
"""Extensions of the files that :func:`amcnet.io.read_labels` reads."""

GRID_EXTENSIONS = (".nrrd", ".nii.gz", ".nii", ".mha")
"""Extensions that :func:`amcnet.io.write_image` writes."""

LABEL_EXTENSIONS = (SEGMENTATION_EXTENSION, *GRID_EXTENSIONS, ".dcm")
"""Extensions that :func:`amcnet.io.write_labels` writes."""


def find_extension(path: Path, known: tuple[str, ...]) -> str | None:
    """Return the longest of the known extensions that a file name ends with, in lower case.

    Args:
        path: Any path; upper and lower case are equivalent.
        known: Extensions with their leading dot, including compound ones such as ``.nii.gz``.

    Example:
        >>> find_extension(Path("HAND.NII.GZ"), (".nii", ".nii.gz"))
        '.nii.gz'
        >>> find_extension(Path("hand.png"), IMAGE_EXTENSIONS) is None
        True
    """
    name = path.name.lower()
    matches = [extension for extension in known if name.endswith(extension.lower())]
    return max(matches, key=len, default=None)
