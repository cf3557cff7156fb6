"""Digests of outputs, without what differs between two runs: times, durations and new UIDs."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pydicom

from tools.faults.cases import Case

_TIMES = re.compile(rb"\d+\.\d+ s\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_FIGURES = re.compile(rb"\d[\d.:e-]*")
_DIFFERENT_IN_DICOM = ("UI", "DA", "TM", "DT")


def digests(out: Path, case: Case) -> dict[str, str | None]:
    """Return a digest of each output of a case, a folder's of all its files; None where absent."""
    return {name: _digest(out / name, name in case.varying) for name in case.outputs}


def _digest(path: Path, varying: bool) -> str | None:
    if not path.exists():
        return None
    files = [path]
    if path.is_dir():  # what is hidden is a part of no output; the next run must have removed it
        files = sorted(p for p in path.rglob("[!.]*") if p.is_file())
    total = hashlib.sha256()
    for file in files:
        total.update(str(file.relative_to(path.parent)).encode())
        total.update(_settled(file, varying))
    return total.hexdigest()


def _settled(file: Path, varying: bool) -> bytes:
    """Return the content of a file without what differs between runs."""
    data = file.read_bytes()
    if file.suffix == ".dcm":
        return "\n".join(_elements(file)).encode()
    return (_FIGURES if varying else _TIMES).sub(b"", data)


def _elements(file: Path) -> Iterator[str]:
    """Yield the values of a DICOM file; one that cannot be read is unlike any other."""
    try:
        dataset = pydicom.dcmread(file)
    except (OSError, pydicom.errors.InvalidDicomError) as error:
        yield str(error)
        return
    for element in dataset.iterall():
        if element.VR not in (*_DIFFERENT_IN_DICOM, "SQ"):
            content = element.value
            if isinstance(content, bytes):
                content = hashlib.sha256(content).hexdigest()
            yield f"{element.tag} {content}"
