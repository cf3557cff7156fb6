"""A file that redirects the browser to an address that must not appear in the process list."""

import html
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>amcnet view</title>'
    '<meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0; url={address}">'
    '<p><a href="{address}">Open the viewer</a>'
)


@contextmanager
def redirect_file(address: str) -> Iterator[Path]:
    """Write a page that redirects the browser to an address, and remove it at the end.

    A browser receives the address as an argument, and every user of a machine can list the
    arguments of all processes. The path of a file reveals nothing: the folder (0700) and the file
    (0600) are readable by their owner only.

    Example:
        >>> with redirect_file("http://127.0.0.1:8000/open/secret") as path:
        ...     "127.0.0.1:8000" in path.read_text()
        True
    """
    folder = Path(tempfile.mkdtemp(prefix="amcnet-view-"))  # created with mode 0700
    try:
        path = folder / "open.html"
        path.touch(mode=0o600)
        path.write_text(_PAGE.format(address=html.escape(address)), encoding="utf-8")
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)
