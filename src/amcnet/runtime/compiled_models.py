"""A cache of compiled models in the user's cache folder, so that only the first run compiles.

OpenVINO has a cache too, but loads a file that is damaged in the middle without a warning and then
gives wrong labels. Here a checksum precedes each model.
"""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from amcnet.errors import OutputError
from amcnet.io.atomic_files import atomic_path
from amcnet.runtime.openvino import openvino

_MOST = 32  # a search of the axes compiles up to six sizes
_DIGEST_BYTES = hashlib.sha256().digest_size

_log = logging.getLogger(__name__)


def compile_model(
    core: Any,  # noqa: ANN401  OpenVINO's own types
    model: Any,  # noqa: ANN401
    source: Path,
    hints: Mapping[str, str],
) -> Any:  # noqa: ANN401
    """Return a model compiled for the CPU.

    Args:
        core: The `openvino.Core`.
        model: The model as read from ``source``, with the shape of its input set.
        source: Its ``.xml`` file, with the ``.bin`` in the same folder.
        hints: Properties to compile with.
    """
    kept = None
    try:
        folder = platformdirs.user_cache_path("amcnet", appauthor=False) / "openvino"
        kept = folder / f"{_key(core, model, source, hints)}.blob"
        if (blob := _read(kept)) is not None:
            return core.import_model(blob, "CPU", dict(hints))
    except (OSError, RuntimeError) as error:  # RuntimeError: also if there is no home folder
        _log.info("no compiled model could be read (%s)", error)
    compiled = core.compile_model(model, "CPU", dict(hints))
    if kept is not None:
        _keep(compiled, kept)
    return compiled


def _keep(compiled: Any, path: Path) -> None:  # noqa: ANN401
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        blob = compiled.export_model().getvalue()
        with atomic_path(path) as temporary:
            temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
        _remove_oldest(path.parent)
    except (OSError, OutputError, RuntimeError) as error:
        _log.info("the compiled model could not be kept (%s)", error)


def _key(core: Any, model: Any, source: Path, hints: Mapping[str, str]) -> str:  # noqa: ANN401
    """Return a cache key that covers everything that affects compilation."""
    key = hashlib.sha256()
    facts = [
        openvino().__version__,
        core.get_property("CPU", "FULL_DEVICE_NAME"),
        model.inputs[0].partial_shape,
        sorted(hints.items()),
    ]
    key.update(repr([str(fact) for fact in facts]).encode())
    for path in (source, source.with_suffix(".bin")):
        key.update(hashlib.sha256(path.read_bytes()).digest())
    return key.hexdigest()[:32]


def _read(path: Path) -> bytes | None:
    """Return a compiled model; None if there is none or it is damaged."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        digest, blob = file.read(_DIGEST_BYTES), file.read()
    return blob if hashlib.sha256(blob).digest() == digest else None


def _remove_oldest(folder: Path) -> None:
    """Keep the newest files: each size of the network's input has its own."""
    newest_first = sorted(folder.glob("*.blob"), key=lambda p: p.stat().st_mtime, reverse=True)
    for path in newest_first[_MOST:]:
        path.unlink(missing_ok=True)
