"""Submission and deletion of jobs, for HTTP and DICOM alike."""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.job_queue import JobQueue, new_id
from amcnet.service.queue.stored_job import State, StoredJob

_log = logging.getLogger(__name__)


class JobDesk:
    """Accepts and deletes jobs.

    Args:
        queue: The queue.
        folders: Where the files are.
        wake: Set when a job was accepted.
    """

    def __init__(self, queue: JobQueue, folders: JobFolders, wake: threading.Event) -> None:
        self.queue, self.folders, self.wake = queue, folders, wake
        self._deleted: set[str] = set()

    def submit(
        self, incoming: Path, name: str, owner: str, options: Mapping[str, Any], digest: str
    ) -> tuple[StoredJob, bool]:
        """Accept an upload; when this returns, it is on the disk and in the queue.

        Args:
            incoming: Folder of the upload, which becomes the job's.
            name: Its volume in that folder.
            owner: Who submits it.
            options: Its options, as plain data for JSON.
            digest: SHA-256 of the content.

        Returns:
            The job, and whether it is new: the same content of the same owner is one job.

        Raises:
            OSError: If the disk is full or fails.
            sqlite3.Error: If the queue cannot be written.
        """
        now = time.time()
        job = StoredJob(new_id(), owner, State.QUEUED, name, dict(options), now, now)
        self.folders.accept(incoming, job.id)
        try:
            found, is_new = self.queue.submit(job, digest)
        except BaseException:
            self.folders.remove(job.id)
            raise
        if is_new:
            _log.info("job %s was accepted", found.id)
        else:
            self.folders.remove(job.id)
            _log.info("job %s was submitted again", found.id)
        self.wake.set()
        return found, is_new

    def delete(self, job_id: str) -> None:
        """Delete a job and its files; the work on it stops at the next slice."""
        self._deleted.add(job_id)
        found = self.queue.delete(job_id)
        if found is not None:
            _log.info("job %s (%s) was deleted on request", job_id, found.state)
            if found.state is not State.RUNNING:  # else its worker removes the files
                self.folders.remove(job_id)

    def is_deleted(self, job_id: str) -> bool:
        """Return whether a job was deleted on request."""
        return job_id in self._deleted
