"""Which files belong together: the channels of an input, and the output of each input."""

from pathlib import Path

from amcnet.errors import InputError, OutputError
from amcnet.io import IMAGE_EXTENSIONS, LABEL_EXTENSIONS, check_output, find_extension, is_same_file

DEFAULT_EXTENSION = ".seg.nrrd"
_FIRST_CHANNEL = "_0000"


def channel_files(first: Path, channels: int) -> list[Path]:
    """Return the files of an input's channels, named as in nnU-Net.

    Args:
        first: The file of channel 0, ``NAME_0000.EXT`` where there are several channels.
        channels: Input channels of the model.

    Returns:
        ``NAME_0000.EXT``, ``NAME_0001.EXT``, ...; ``first`` alone for one channel.

    Raises:
        InputError: If the name has no ``_0000``, or a file is missing.
    """
    files = _channel_paths(first, channels)
    for path in files[1:]:
        if not path.is_file():
            raise InputError(f"{path}: no such file, expected it beside {first.name}")
    return files


def _channel_paths(first: Path, channels: int) -> list[Path]:
    if channels == 1:
        return [first]
    stem, extension = _split(first)
    if not stem.endswith(_FIRST_CHANNEL):
        raise InputError(
            f"{first}: found no {_FIRST_CHANNEL} at the end of the name, expected "
            f"NAME{_FIRST_CHANNEL}{extension} for a model of {channels} channels"
        )
    name = stem.removesuffix(_FIRST_CHANNEL)
    others = (first.with_name(f"{name}_{n:04d}{extension}") for n in range(1, channels))
    return [first, *others]


def plan_outputs(
    inputs: list[Path], output: Path, overwrite: bool = False, channels: int = 1
) -> list[tuple[Path, Path]]:
    """Pair each input with the file that its labels go to, and check those files.

    Args:
        inputs: Volumes, the file of channel 0 of each.
        output: A file for one input, or a folder that exists.
        overwrite: Whether existing files may be replaced.
        channels: Input channels of the model; the names of several lose their ``_0000``.

    Raises:
        InputError: If there are several channels and a name has no ``_0000``.
        OutputError: If an output cannot be written, is an input, or two inputs share one.
    """
    read = [path for source in inputs for path in _channel_paths(source, channels)]
    if output.is_dir():
        pairs = [
            (source, output / f"{_name(source, channels)}{DEFAULT_EXTENSION}") for source in inputs
        ]
    elif len(inputs) == 1:
        pairs = [(inputs[0], output)]
    else:
        raise OutputError(
            f"{output}: is no folder that exists, expected one for {len(inputs)} inputs"
        )
    seen: dict[str, Path] = {}
    for source, target in pairs:
        check_output(target, overwrite, LABEL_EXTENSIONS)
        if any(is_same_file(target, other) for other in read):
            raise OutputError(f"{target}: is an input too, expected another name")
        name = str(target).casefold()  # some systems do not tell A from a
        if name in seen:
            raise OutputError(f"{target}: would be written for both {seen[name]} and {source}")
        seen[name] = source
    return pairs


def _name(path: Path, channels: int) -> str:
    stem = _split(path)[0]
    return stem if channels == 1 else stem.removesuffix(_FIRST_CHANNEL)


def _split(path: Path) -> tuple[str, str]:
    """Return a file's name without its extension, and the extension as it is written."""
    extension = find_extension(path, IMAGE_EXTENSIONS) or path.suffix
    end = len(path.name) - len(extension)
    return path.name[:end], path.name[end:]
