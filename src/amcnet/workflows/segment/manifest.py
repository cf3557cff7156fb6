"""The manifest of a run: the outcome of each input as JSON, rewritten during the run."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amcnet.bundle.bundle import sha256_of
from amcnet.errors import InputError, OutputError
from amcnet.io import is_same_file
from amcnet.io.atomic_files import write_atomically
from amcnet.io.image_writing import check_free
from amcnet.io.small_files import read_json
from amcnet.workflows.outcome import Outcome
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.provenance import model_hashes, software_versions
from amcnet.workflows.segment.result import SegmentedFile

FORMAT = 1


class Manifest:
    """Records the outcome of each volume in a JSON file that is valid at any time.

    Args:
        path: The file. The entries of an existing manifest are kept and updated.
        models: Name and SHA-256 of the weights of each model, see :func:`models_of`.
        jobs: The volumes.

    Raises:
        OutputError: If the file cannot be written, is not a manifest, or is an input or an output
            of the run.
    """

    def __init__(self, path: Path, models: list[dict[str, str]], jobs: Sequence[Job] = ()) -> None:
        self._path = path
        _check_own_file(path, jobs)
        self._entries = _existing_entries(path)
        check_free(path, overwrite=True)
        self._head = {
            "manifest": FORMAT,
            "started": _now(),
            "versions": software_versions(),
            "models": models,
        }
        self._write()

    def skip(self, job: Job) -> None:
        """Record a volume that was skipped because its output exists."""
        entry = self._entries.get(str(job.source), {})
        if entry.get("status") != "done":
            entry = {"output": str(job.target), "status": "skipped"}
        self._set(job, entry)

    def add(self, job: Job, outcome: Outcome[SegmentedFile]) -> None:
        """Record the outcome of a volume."""
        result = outcome.result
        entry: dict[str, Any] = {
            "output": str(job.target),
            "status": "done" if result is not None else "failed",
            "finished": _now(),
            "seconds": round(outcome.seconds, 2),
            "sha256": input_hash(job.source),
        }
        if result is None:
            entry["error"] = outcome.error
        else:
            entry |= {
                "found": result.found,
                "wanted": result.wanted,
                "verdict": result.verdict,
                "remark": result.remark,
                "axes": result.axes,
                "notes": list(result.notes),
            }
        self._set(job, entry)

    def _set(self, job: Job, entry: dict[str, Any]) -> None:
        self._entries[str(job.source)] = entry
        self._write()

    def _write(self) -> None:
        content = self._head | {"volumes": self._entries}
        write_atomically(self._path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def models_of(options: SegmentOptions) -> list[dict[str, str]]:
    """Return the name and the SHA-256 of the weights of each model."""
    names = options.models or ("hand",)
    pairs = zip(names, model_hashes(options), strict=True)
    return [{"model": name, "sha256": sha256} for name, sha256 in pairs]


def _check_own_file(path: Path, jobs: Sequence[Job]) -> None:
    for job in jobs:
        for other in (job.source, job.target, job.also, job.report):
            if other is None:
                continue
            if path.absolute() == other.absolute() or is_same_file(path, other):
                raise OutputError(f"{path}: is an input or an output too, expected another name")


def input_hash(source: Path) -> str | None:
    """Return the SHA-256 of a file, or of all files of a folder in the order of their names.

    None if it cannot be read.
    """
    try:
        if not source.is_dir():
            return sha256_of(source)
        digest = hashlib.sha256()
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(source).as_posix()}\0{sha256_of(path)}\n".encode())
        return digest.hexdigest()
    except (OSError, InputError):
        return None


def _existing_entries(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        content = read_json(path, "a manifest")
        volumes = content["volumes"]
        if content["manifest"] != FORMAT or not isinstance(volumes, dict):
            raise ValueError
    except (InputError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path}: is not a manifest of 'amcnet segment', expected one or a new file"
        ) from error
    return {str(name): dict(entry) for name, entry in volumes.items() if isinstance(entry, dict)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
