"""Verified writing, which detects a full or faulty disk before the file is used."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_LAST_BYTES = 1 << 16


class RecordedFile:
    """A file opened for writing that records its size and its last bytes for verification."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        self.num_bytes = 0
        self.last = b""

    def write(self, content: bytes | bytearray | memoryview, /) -> int:
        """Write bytes at the current position; return their number."""
        self._file.write(content)
        before = self._position - (self.num_bytes - len(self.last))  # bytes of the tail to keep
        self._position += len(content)
        self.num_bytes = max(self.num_bytes, self._position)
        if before >= 0:
            start = self.last[:before].ljust(min(before, _LAST_BYTES), b"\0")  # a gap is zeros
            after = self.last[before + len(content) :]
            self.last = (start + bytes(content[-_LAST_BYTES:]) + after)[-_LAST_BYTES:]
        elif before + len(content) > 0:  # the content ends within the tail
            inside = before + len(content)
            self.last = (bytes(content[-inside:]) + self.last[inside:])[-_LAST_BYTES:]
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to another position; return it.

        Raises:
            OSError: If less was stored so far than was written: the gap would look like zeros.
        """
        self._file.flush()
        found = os.fstat(self._file.fileno()).st_size
        if found != self.num_bytes:
            raise _incomplete(found, self.num_bytes)
        self._position = self._file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """Return the current position."""
        return self._position

    def flush(self) -> None:
        """Flush the buffers to the operating system."""
        self._file.flush()


@contextmanager
def verified_file(path: Path) -> Iterator[RecordedFile]:
    """Yield a file to write to; when the block ends, check that all of it is on the disk.

    It is flushed and synchronised, its size compared, and its last block read back.

    Raises:
        OSError: If the operating system refuses to write, or less was stored than was written.
    """
    with path.open("wb") as file:
        recorded = RecordedFile(file)
        yield recorded
        file.flush()
        os.fsync(file.fileno())
    found = path.stat().st_size
    if found != recorded.num_bytes:
        raise _incomplete(found, recorded.num_bytes)
    with path.open("rb") as file:
        file.seek(max(found - _LAST_BYTES, 0))
        if file.read() != recorded.last[-min(found, _LAST_BYTES) :]:
            raise OSError(errno.EIO, "the last bytes read back differ from what was written")


def write_verified(path: Path, content: bytes | str) -> None:
    """Write a file and check that all of it is on the disk, see :func:`verified_file`.

    Args:
        path: The file.
        content: Bytes, or text, which is written as UTF-8 with its line ends unchanged.

    Raises:
        OSError: If the operating system refuses to write, or less was stored than was written.

    >>> write_verified(Path("scores.json"), "{}")
    >>> Path("scores.json").read_text()
    '{}'
    """
    with verified_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def copy_verified(source: Path, target: Path) -> None:
    """Copy the content of a file and check that all of it is on the disk.

    Raises:
        OSError: If the operating system refuses, or less was stored than was read.
    """
    with source.open("rb") as content, verified_file(target) as file:
        shutil.copyfileobj(content, file)


def _incomplete(found: int, expected: int) -> OSError:
    return OSError(errno.EIO, f"{found} of {expected} bytes were stored, is the disk full?")


def synchronise(path: Path) -> None:
    """Flush a written file to disk; some file systems report a full disk only then.

    Raises:
        OSError: If the operating system refuses.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def synchronise_folder(path: Path) -> None:
    """Flush the entries of a folder to disk, if the system supports it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(descriptor)
    except OSError:  # and some file systems cannot synchronise them
        pass
    finally:
        os.close(descriptor)


def synchronise_files(folder: Path) -> None:
    """Flush all files of a folder and its subfolders to disk, so that they survive a power failure.

    Raises:
        OSError: If the operating system refuses.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            synchronise(path)
        else:
            synchronise_folder(path)
    synchronise_folder(folder)
