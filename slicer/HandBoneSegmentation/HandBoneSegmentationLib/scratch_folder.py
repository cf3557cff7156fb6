"""A folder for the temporary files of one process."""

import shutil
import tempfile
from pathlib import Path


class ScratchFolder:
    """Makes a folder, and removes it with its contents.

    Args:
        parent: Folder in which it is made; by default the system's folder for temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent
        self._folder: Path | None = None

    def make(self) -> Path:
        """Make the folder."""
        parent = None if self._parent is None else str(self._parent)
        self._folder = Path(tempfile.mkdtemp(prefix="hand-bones-", dir=parent))
        return self._folder

    def remove(self) -> None:
        """Remove the folder, if there is one."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
