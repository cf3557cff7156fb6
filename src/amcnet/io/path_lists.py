"""Paths as arguments: one or several, as text or as paths."""

from collections.abc import Iterable
from pathlib import Path

AnyPath = str | Path


def path_list(paths: AnyPath | Iterable[AnyPath]) -> list[Path]:
    """Return one path or several as a list; a text is one path, never its letters.

    >>> [path.name for path in path_list("scan.nrrd")]
    ['scan.nrrd']
    >>> [path.name for path in path_list(["a.nrrd", Path("b.nrrd")])]
    ['a.nrrd', 'b.nrrd']
    """
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
