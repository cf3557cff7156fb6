"""Recovery after a crash, and the deletion of jobs whose retention time is over."""

import logging

from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.stored_job import WITH_RESULT, State

_log = logging.getLogger(__name__)


def recover_queue(queue: JobQueue, folders: JobFolders) -> None:
    """Repair queue and folders after the previous process ended, even by a kill.

    Jobs that it was working on are queued again; half-written files are removed.
    """
    for job in queue.recover():
        _log.info("job %s was interrupted and is tried again", job.id)
    jobs = [job for state in State for job in queue.in_state(state)]
    known = {job.id for job in jobs}
    unfinished = {job.id for job in jobs if job.state not in WITH_RESULT}
    removed = folders.clean(known, unfinished)
    if removed:
        _log.info("%d incomplete uploads and results were removed", removed)


def delete_expired(queue: JobQueue, folders: JobFolders, keep_hours: float) -> int:
    """Delete the jobs whose retention time is over; return their number.

    A result that has not reached its destination is kept regardless of its age.
    """
    expired = queue.expired(keep_hours * 3600)
    for job in expired:
        queue.delete(job.id)
        folders.remove(job.id)
        _log.info("job %s (%s) was deleted after %g hours", job.id, job.state, keep_hours)
    return len(expired)
