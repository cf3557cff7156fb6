"""Which output belongs to which input."""

from pathlib import Path

from amcnet.errors import OutputError
from amcnet.io import IMAGE_EXTENSIONS, LABEL_EXTENSIONS, check_output, find_extension, is_same_file

DEFAULT_EXTENSION = ".seg.nrrd"


def plan_outputs(
    inputs: list[Path], output: Path, overwrite: bool = False
) -> list[tuple[Path, Path]]:
    """Pair each input with the file that its labels go to, and check those files.

    Args:
        inputs: Volumes.
        output: A file for one input, or a folder that exists.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputError: If an output cannot be written, is an input, or two inputs share one.
    """
    if output.is_dir():
        pairs = [(source, output / f"{_stem(source)}{DEFAULT_EXTENSION}") for source in inputs]
    elif len(inputs) == 1:
        pairs = [(inputs[0], output)]
    else:
        raise OutputError(
            f"{output}: is no folder that exists, expected one for {len(inputs)} inputs"
        )
    seen: dict[str, Path] = {}
    for source, target in pairs:
        check_output(target, overwrite, LABEL_EXTENSIONS)
        if any(is_same_file(target, other) for other in inputs):
            raise OutputError(f"{target}: is an input too, expected another name")
        name = str(target).casefold()  # some systems do not tell A from a
        if name in seen:
            raise OutputError(f"{target}: would be written for both {seen[name]} and {source}")
        seen[name] = source
    return pairs


def _stem(path: Path) -> str:
    extension = find_extension(path, IMAGE_EXTENSIONS)
    return path.name[: -len(extension)] if extension else path.stem
