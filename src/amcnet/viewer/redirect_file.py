"""A file that leads a browser to an address which must not appear in a list of processes."""

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
    """Write a page that sends the browser to an address; it is removed at the end.

    A browser gets what it opens as an argument, and every user of a machine can list the arguments
    of all processes. The path of a file tells them nothing: its folder (0700) and the file (0600)
    are readable by their owner only.
    """
    folder = Path(tempfile.mkdtemp(prefix="amcnet-view-"))  # made with mode 0700
    try:
        path = folder / "open.html"
        path.touch(mode=0o600)
        path.write_text(_PAGE.format(address=html.escape(address)), encoding="utf-8")
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)
