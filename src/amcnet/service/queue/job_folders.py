"""Folders of the jobs: one each, readable by the service's user only.

::

    DIR/queue.sqlite          the queue
    DIR/incoming/RANDOM/      an upload that is not accepted yet
    DIR/jobs/ID/input/        the files of an accepted job
    DIR/jobs/ID/output/       its result; complete or absent
"""

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import OutputError
from amcnet.io.verified_files import synchronise_files, synchronise_folder

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


class NoRoomError(OutputError):
    """The disk has no room for another job."""


def is_full(error: BaseException) -> bool:
    """Return whether an error says that the disk is full."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, NoRoomError) or getattr(seen, "errno", None) in _FULL:
            return True
        if "disk is full" in str(seen):  # wording of SQLite
            return True
        seen = seen.__cause__
    return False


class JobFolders:
    """The folders of a service.

    Args:
        data: Folder of the service; it is made if its parent exists.
        reserve_bytes: Space that new jobs leave free, for the results of the accepted ones.

    Raises:
        OutputError: If the folders cannot be made.
    """

    def __init__(self, data: Path, reserve_bytes: int) -> None:
        self.data, self._reserve = data, reserve_bytes
        self.incoming, self._jobs = data / "incoming", data / "jobs"
        try:
            for folder in (data, self.incoming, self._jobs):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise OutputError(f"{data}: cannot hold the service's data ({error})") from error

    def input(self, job_id: str) -> Path:
        """Return the folder with the files of a job."""
        return self._jobs / job_id / "input"

    def output(self, job_id: str) -> Path:
        """Return the folder with the result of a job."""
        return self._jobs / job_id / "output"

    def partial_output(self, job_id: str) -> Path:
        """Return the folder in which a result is made."""
        return self._jobs / job_id / "output.partial"

    def check_room(self, num_bytes: int = 0) -> None:
        """Check that there is room for a new job in addition to the results of the accepted ones.

        Raises:
            NoRoomError: If there is none.
        """
        free = shutil.disk_usage(self.data).free
        if free - num_bytes < self._reserve:
            raise NoRoomError(
                f"the server's disk is full: {free / 2**30:.1f} GiB are free, of which "
                f"{self._reserve / 2**30:.1f} GiB are kept for results; try again later"
            )

    @contextmanager
    def new_incoming(self) -> Iterator[Path]:
        """Yield a folder for an upload; it is removed at the end unless :meth:`accept` took it."""
        folder = self.incoming / secrets.token_hex(12)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def accept(self, incoming: Path, job_id: str) -> None:
        """Make an upload the input of a job, and flush both to the disk.

        Raises:
            OSError: If the disk is full or fails.
        """
        synchronise_files(incoming)
        home = self._jobs / job_id
        home.mkdir(mode=0o700)
        incoming.rename(home / "input")
        synchronise_folder(home)
        synchronise_folder(self._jobs)

    def begin_output(self, job_id: str) -> Path:
        """Return an empty folder for a result."""
        self.discard_output(job_id)
        partial = self.partial_output(job_id)
        partial.mkdir(mode=0o700)
        return partial

    def discard_output(self, job_id: str) -> None:
        """Remove the result of a job, or its partial result."""
        shutil.rmtree(self.partial_output(job_id), ignore_errors=True)
        shutil.rmtree(self.output(job_id), ignore_errors=True)

    def finish_output(self, job_id: str) -> None:
        """Move a complete result to its final place, and flush it to the disk."""
        partial = self.partial_output(job_id)
        synchronise_files(partial)
        partial.rename(self.output(job_id))
        synchronise_folder(partial.parent)

    def remove(self, job_id: str) -> None:
        """Remove all files of a job."""
        shutil.rmtree(self._jobs / job_id, ignore_errors=True)

    def clean(self, known: Collection[str], unfinished: Collection[str]) -> int:
        """Remove the leftovers of a killed process: partial uploads and results, unknown folders.

        Args:
            known: The jobs in the queue.
            unfinished: Those of them whose result is not complete.

        Returns:
            The number of folders that were removed.
        """
        doomed = [*self.incoming.iterdir()]
        doomed += [home for home in self._jobs.iterdir() if home.name not in known]
        doomed += [self.partial_output(name) for name in known]
        doomed += [self.output(name) for name in unfinished]
        doomed = [path for path in doomed if path.exists()]
        for path in doomed:
            shutil.rmtree(path, ignore_errors=True)
            if path.exists():
                os.unlink(path)  # noqa: PTH108  a stray file
        return len(doomed)
