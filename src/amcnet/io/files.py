"""File names and safe writing: compound extensions and write-beside-then-rename."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import OutputError


def find_extension(path: Path, known: tuple[str, ...]) -> str | None:
    """Return the longest of the known extensions that a file name ends with, in lower case.

    Args:
        path: Any path; upper and lower case count the same.
        known: Extensions with their leading dot; compound ones such as ``.nii.gz`` are welcome.
    """
    name = path.name.lower()
    matches = [extension for extension in known if name.endswith(extension)]
    return max(matches, key=len, default=None)


def is_same_file(first: Path, second: Path) -> bool:
    """Return whether two paths name one existing file."""
    return first.exists() and second.exists() and first.samefile(second)


def make_folder(path: Path) -> None:
    """Make a folder whose parent exists; one that is there already stays as it is.

    Raises:
        OutputError: If the parent does not exist, or ``path`` is a file.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder '{path.parent}' does not exist, create it first")
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file, expected a folder")
    path.mkdir(exist_ok=True)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary name keeps all extensions, so that a writer which picks its format by the
    name picks the right one. When the block fails or is interrupted, the temporary file is
    removed and an existing ``path`` is left as it was.

    Raises:
        OutputError: If the operating system refuses to write or to rename.
    """
    path = Path(path)
    stem, dot, extensions = path.name.partition(".")
    temporary = path.with_name(f"{stem[:60]}-partial-{uuid.uuid4().hex[:12]}{dot}{extensions}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: could not be written ({reason})") from error
    finally:
        temporary.unlink(missing_ok=True)
