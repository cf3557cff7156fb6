"""Naming the files of a folder that are passed over."""

import logging
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
    """Name in the log what a run over a folder does not read: other types of file, and folders.

    Hidden files, and files that accompany volumes (descriptions, tables), are not named.

    Args:
        folder: The folder.
        known: Extensions of the files that are read.
    """
    others = [
        f"{path.name}/" if path.is_dir() else path.name
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and find_extension(path, (*known, *_COMPANIONS)) is None
        and not _is_document(path)
    ]
    if others:
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        _log.warning(
            "%s: passed over %s%s, expected files that end in %s",
            one_line(f"{folder}"),
            one_line(", ".join(others[:_MOST_NAMED])),
            more,
            " ".join(known),
        )


def _is_document(path: Path) -> bool:
    return not path.suffix and path.stem.upper() in ("README", "LICENSE", "LICENCE", "MAKEFILE")
