"""What came of one file of many: a result, or one sentence that says why there is none."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from amcnet.errors import in_words

Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What came of one file.

    Exactly one of ``result`` and ``error`` is None.

    Attributes:
        source: The file (or the folder of DICOM images) that was worked on.
        result: What the workflow returns for it; None where it failed.
        error: One sentence that says why it failed; None where it did not.
        seconds: Wall-clock time that it took.

    >>> Outcome(Path("scan.nrrd"), result=38).error is None
    True
    """

    source: Path
    result: Result | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return self.error is not None


def run_for_file(source: Path, work: Callable[[], Result], *others: Path) -> Outcome[Result]:
    """Return the outcome of ``work()``: an exception becomes one sentence that names a file.

    An unforeseen exception is also logged with its traceback, see :func:`amcnet.errors.in_words`.

    Args:
        source: The file that is worked on.
        work: Returns the result.
        others: Further files that the sentence may name instead, such as the output.
    """
    started = time.monotonic()
    try:
        result = work()
    except Exception as problem:
        error = in_words(problem, source, *others)
        return Outcome(source, error=error, seconds=time.monotonic() - started)
    return Outcome(source, result, seconds=time.monotonic() - started)
