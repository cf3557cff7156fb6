"""Report which files of a folder are skipped."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from amcnet.errors import one_line
from amcnet.io.extensions import find_extension

_MOST_NAMED = 5
# Data files of detached headers, descriptions, tables and pages, which are never inputs.
_COMPANIONS = (
    ".raw", ".zraw", ".bin", ".json", ".txt", ".label", ".csv", ".tsv", ".md", ".html", ".htm",
    ".log", ".xml", ".yaml", ".yml", ".toml", ".pdf", ".npy", ".npz", ".py", ".sh",
)  # fmt: skip

_log = logging.getLogger(__name__)


def report_passed_over(folder: Path, known: tuple[str, ...]) -> None:
    """Log what a run over a folder does not read: other file types, and folders.

    Hidden files, and files that accompany volumes (descriptions, tables), are not named.

    Args:
        folder: The folder.
        known: Extensions of the files that are read.

    Example:
        >>> Path("scans").mkdir()
        >>> for name in ("a.nrrd", "a.txt", "b.mp4"):
        ...     Path("scans", name).touch()
        >>> import sys
        >>> shown = logging.StreamHandler(sys.stdout)
        >>> _log.addHandler(shown)
        >>> report_passed_over(Path("scans"), (".nrrd",))
        scans: skipped b.mp4, expected files that end in .nrrd
        >>> _log.removeHandler(shown)
    """
    others = passed_over(folder, lambda path: find_extension(path, known) is not None)
    if others:
        _log.warning(
            "%s: skipped %s, expected files that end in %s",
            one_line(f"{folder}"),
            one_line(listed(others)),
            " ".join(known),
        )


def passed_over(folder: Path, is_read: Callable[[Path], bool]) -> list[str]:
    """Return the names of what a run over a folder does not read; folders end in a slash.

    Hidden files, and files that accompany volumes (descriptions, tables), are not listed.

    Args:
        folder: The folder.
        is_read: Function that returns whether a path in the folder is read.
    """
    return [
        f"{path.name}/" if path.is_dir() else path.name
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and not is_read(path)
        and find_extension(path, _COMPANIONS) is None
        and not _is_document(path)
    ]


def listed(names: Sequence[str]) -> str:
    """Return the first of some names as a text, and the number of the others.

    Example:
        >>> listed(["a", "b", "c", "d", "e", "f", "g"])
        'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _is_document(path: Path) -> bool:
    return not path.suffix and path.stem.upper() in ("README", "LICENSE", "LICENCE", "MAKEFILE")
