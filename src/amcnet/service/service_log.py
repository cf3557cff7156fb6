"""The service's log: events of jobs, and nothing that could identify a patient.

Names of files, texts of errors and values of DICOM headers may name a patient. They are kept with
the job, for its submitter, and stay out of the log: of other loggers' records only the kind is
written, of exceptions only their type and the places in the code.
"""

import logging
import sys
import traceback

_OWN = "amcnet.service"
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class DiscreetFormatter(logging.Formatter):
    """Writes messages of the service in full; of other loggers, only that there was one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the places in the code of an exception."""
        is_own = record.name == _OWN or record.name.startswith(f"{_OWN}.")
        message = record.getMessage() if is_own else f"a message of {record.name} ({record.module})"
        plain = logging.LogRecord(
            record.name, record.levelno, record.pathname, record.lineno, message, None, None
        )
        plain.created, plain.msecs = record.created, record.msecs
        line = super().format(plain)
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + _places(record.exc_info[1])
        return line


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    return "\n".join([*lines, f"  {type(error).__name__}"])


def begin_log() -> logging.Handler:
    """Write the log to stderr from now on; return the handler, so that it can be removed."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DiscreetFormatter(_FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    logging.getLogger(_OWN).setLevel(logging.INFO)
    for name in ("pynetdicom", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return handler
