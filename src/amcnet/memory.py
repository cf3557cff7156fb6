"""Free memory, and whether something fits into it."""

from collections.abc import Iterator
from pathlib import Path

import psutil

from amcnet.errors import NotEnoughMemoryError

GIB = 2**30

# Limit, use and details of control groups, version 2 and 1.
_CONTAINER_FILES = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
_CONTAINER_FOLDER = Path("/sys/fs/cgroup")
_CACHES = ("inactive_file", "active_file")  # files in memory, which make room when it is needed


def available_bytes() -> float:
    """Return how much memory this process can still take, a container's limit included."""
    free = [float(psutil.virtual_memory().available), *_container_free()]
    return min(free)


def _container_free() -> Iterator[float]:
    for names in _CONTAINER_FILES:
        try:
            limit, used, details = ((_CONTAINER_FOLDER / name).read_text() for name in names)
            fields = dict(line.split(maxsplit=1) for line in details.splitlines())
            cached = sum(float(fields.get(name, 0)) for name in _CACHES)
            yield float(limit) - float(used) + cached
        except (OSError, ValueError):  # no such system, or no limit ("max")
            continue


def check_room(what: str, need_bytes: float) -> None:
    """Check that there is memory for something.

    Args:
        what: Subject of the error message.
        need_bytes: Memory that is needed.

    Raises:
        NotEnoughMemoryError: If there is less.
    """
    free = available_bytes()
    if need_bytes > free:
        raise NotEnoughMemoryError(
            f"{what} needs {need_bytes / GIB:.1f} GiB of memory, found {free / GIB:.1f} GiB free"
        )
