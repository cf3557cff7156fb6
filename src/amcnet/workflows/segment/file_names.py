"""Find the channel files of each input, and choose the output of each input."""

import re
from collections.abc import Sequence
from pathlib import Path

from amcnet.errors import InputError, OutputError, count_text
from amcnet.io import (
    IMAGE_EXTENSIONS,
    LABEL_EXTENSIONS,
    READABLE_EXTENSIONS,
    check_output,
    find_extension,
    is_same_file,
    report_passed_over,
)
from amcnet.io.dicom import is_series_folder
from amcnet.io.input_files import check_regular_file
from amcnet.io.plain_names import comparable_text

DEFAULT_EXTENSION = ".seg.nrrd"
_KEPT_EXTENSIONS = (".nii.gz", ".nii", ".mha")
_FIRST_CHANNEL = "_0000"
_OTHER_CHANNEL = re.compile(r"_(?!0000)\d{4}")


def channel_files(first: Path, channels: int) -> list[Path]:
    """Return the files of an input's channels, named as in nnU-Net.

    Args:
        first: The file of channel 0, ``NAME_0000.EXT`` for several channels.
        channels: Input channels of the model.

    Returns:
        ``NAME_0000.EXT``, ``NAME_0001.EXT``, ...; ``first`` alone for one channel.

    Raises:
        InputError: If the name has no ``_0000``, or a file is missing.
    """
    files = _channel_paths(first, channels)
    for path in files[1:]:
        check_regular_file(path, f"it in the folder of {first.name}")
    return files


def _channel_paths(first: Path, channels: int) -> list[Path]:
    if channels == 1:
        return [first]
    stem, extension = _split(first)
    if not stem.endswith(_FIRST_CHANNEL):
        raise InputError(
            f"{first}: found no {_FIRST_CHANNEL} at the end of the name, expected "
            f"NAME{_FIRST_CHANNEL}{extension} for a model of {count_text(channels, 'channel')}"
        )
    name = stem.removesuffix(_FIRST_CHANNEL)
    others = (first.with_name(f"{name}_{n:04d}{extension}") for n in range(1, channels))
    return [first, *others]


def find_inputs(inputs: Sequence[Path], channels: int = 1) -> list[Path]:
    """Return the inputs with every folder replaced by the images in it, sorted by name.

    Segmentations (``.seg.nrrd``) and hidden files in a folder are skipped. For a model of several
    channels, only the files of channel 0 are listed.

    Args:
        inputs: Files and folders; a file or a folder of DICOM images is one input.
        channels: Input channels of the model.

    Raises:
        InputError: If a folder holds no images.
    """
    return [file for path in inputs for file in (_images_in(path, channels) or [path])]


def _images_in(folder: Path, channels: int) -> list[Path]:
    """Return the images of a folder; an empty list for other paths."""
    if not is_folder_of_files(folder):
        return []
    report_passed_over(folder, READABLE_EXTENSIONS)
    images = sorted(
        path
        for path in folder.iterdir()
        if find_extension(path, READABLE_EXTENSIONS) in IMAGE_EXTENSIONS
        and not path.name.startswith(".")
        and path.is_file()
        and (channels == 1 or not _OTHER_CHANNEL.fullmatch(_split(path)[0][-5:]))
    )
    if not images:
        known = " ".join(IMAGE_EXTENSIONS)
        raise InputError(f"{folder}: holds no images, expected files that end in {known}")
    return images


def is_folder_of_files(path: Path) -> bool:
    """Return whether a path is a folder of input files, and not of DICOM images."""
    return path.is_dir() and not is_series_folder(path)


def takes_many(inputs: Sequence[Path], output: Path) -> bool:
    """Return whether an output is a folder, existing or new, for one file per input."""
    several = len(inputs) > 1 or any(map(is_folder_of_files, inputs))
    return output.is_dir() or (several and find_extension(output, LABEL_EXTENSIONS) is None)


def plan_outputs(
    inputs: Sequence[Path],
    output: Path,
    overwrite: bool = False,
    channels: int = 1,
    extension: str | None = None,
    skip_existing: bool = False,
) -> list[tuple[Path, Path]]:
    """Pair each input with its output file, and check the outputs.

    Args:
        inputs: Volumes, the file of channel 0 of each; folders of such files.
        output: A file for one input, or a folder. A new folder is not created here; for several
            inputs, its name must have no known extension and its parent must exist.
        overwrite: Whether existing files may be replaced.
        channels: Input channels of the model.
        extension: Extension of the files in a folder; None is :func:`default_extension`.
        skip_existing: Whether inputs with existing outputs are skipped.

    Raises:
        InputError: If there are several channels and a name has no ``_0000``, or a folder holds
            no images.
        OutputError: If an output cannot be written, is an input, or two inputs share one.
    """
    files = find_inputs(inputs, channels)
    if takes_many(inputs, output):
        pairs = [
            (file, output / f"{output_name(file)}{extension or default_extension(file)}")
            for file in files
        ]
    elif len(files) == 1:
        pairs = [(files[0], output)]
    else:
        raise OutputError(f"{output}: is not a folder, expected one for {len(files)} inputs")
    for _, target in pairs:
        if target.parent.is_dir() or target.parent != output:
            check_output(target, overwrite or skip_existing, LABEL_EXTENSIONS)
    check_distinct(pairs, channels)
    return pairs


def check_distinct(pairs: Sequence[tuple[Path, Path]], channels: int = 1) -> None:
    """Check that no output is an input, inside a DICOM input folder, or used twice.

    Raises:
        OutputError: If one is.
    """
    read = [path for source, _ in pairs for path in _channel_paths(source, channels)]
    seen: dict[str, Path] = {}
    for source, target in pairs:
        if target.exists():
            if any(is_same_file(target, path) for path in read):
                raise OutputError(f"{target}: is an input too, expected another name")
            if any(is_same_file(target, path.parent) for path in read):
                raise OutputError(f"{target}: holds an input, expected another folder")
        name = comparable_text(str(target))  # some file systems ignore case and composition
        if name in seen:
            raise OutputError(f"{target}: would be written for both {seen[name]} and {source}")
        seen[name] = source


def output_name(path: Path) -> str:
    """Return the name of an input without its extension and without nnU-Net's ``_0000``.

    >>> output_name(Path("imagesTr/hand_3_0000.nii.gz"))
    'hand_3'
    """
    return _split(path)[0].removesuffix(_FIRST_CHANNEL)


def default_extension(path: Path) -> str:
    """Return the default extension of labels: the input's, or ``.seg.nrrd`` for NRRD and DICOM.

    >>> default_extension(Path("a.nii.gz")), default_extension(Path("a.nrrd"))
    ('.nii.gz', '.seg.nrrd')
    """
    if path.is_dir():
        return DEFAULT_EXTENSION
    if find_extension(path, (".mhd",)):
        return ".mha"
    return find_extension(path, _KEPT_EXTENSIONS) or DEFAULT_EXTENSION


def _split(path: Path) -> tuple[str, str]:
    """Return a file's name without its extension, and the extension in its original case."""
    if path.is_dir():  # a DICOM folder: its whole name
        return path.absolute().name, ""
    extension = find_extension(path, IMAGE_EXTENSIONS) or path.suffix
    end = len(path.name) - len(extension)
    return path.name[:end], path.name[end:]
