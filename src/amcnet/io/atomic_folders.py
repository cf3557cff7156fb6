"""Writing a whole folder beside its place and renaming it there."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import OutputError
from amcnet.io.atomic_files import live_temporary, putting_in_place


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside ``path``; what is left of it afterwards is removed.

    Fill it, check it, and hand it to :func:`put_in_place`.

    Raises:
        OutputError: If the operating system refuses to write.
    """
    folder = _beside(path, "partial")
    try:
        with live_temporary(folder):
            folder.mkdir()
            yield folder
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: could not be written ({reason})") from error


def put_in_place(folder: Path, path: Path) -> None:
    """Rename a folder to ``path``; one that is already there is replaced as a whole."""
    with putting_in_place():
        if not path.exists():
            folder.rename(path)
            return
        former = _beside(path, "former")
        path.rename(former)
        try:
            folder.rename(path)
        except OSError:
            former.rename(path)
            raise
        shutil.rmtree(former, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Remove a folder; it is gone under its name at once, whatever happens after that.

    Raises:
        OutputError: If the operating system refuses.
    """
    doomed = _beside(path, "removed")
    try:
        path.rename(doomed)
    except OSError as error:
        raise OutputError(f"{path}: could not be removed ({error.strerror})") from error
    shutil.rmtree(doomed, ignore_errors=True)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name[:50]}-{what}-{uuid.uuid4().hex[:12]}")
