"""Import pydicom and highdicom on first use, with their warnings and logs switched off.

Their warnings, log records and error texts may quote the contents of a file, and thus a patient's
name.
"""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from amcnet.extras import require_extra

_LOGGERS = ("pydicom", "highdicom")

_lock = threading.Lock()
_users: list[object] = []
_saved: list[Any] = []  # the settings to restore, saved by the first user


@contextmanager
def quiet_pydicom() -> Iterator[Any]:
    """Yield the pydicom module with warnings, logging and validation switched off.

    The settings are global to the process, so the last thread to leave restores them. The module
    is typed as `Any` because DICOM attributes have no static types.
    """
    pydicom: Any = import_module("pydicom")
    token = object()
    with _lock:
        if not _users:
            _silence(pydicom)
        _users.append(token)
    try:
        yield pydicom
    finally:
        with _lock:
            _users.remove(token)
            if not _users:
                _restore(pydicom)


@contextmanager
def quiet_highdicom() -> Iterator[Any]:
    """Yield the highdicom module under the same conditions as :func:`quiet_pydicom`.

    Raises:
        MissingExtraError: If highdicom is not installed.
    """
    require_extra("dicom", "writing DICOM segmentations")
    with quiet_pydicom():
        highdicom: Any = import_module("highdicom")
        yield highdicom


def _silence(pydicom: Any) -> None:  # noqa: ANN401
    settings = pydicom.config.settings
    filters = warnings.catch_warnings()
    filters.__enter__()
    warnings.simplefilter("ignore")
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    _saved.extend([settings.reading_validation_mode, filters, levels])
    settings.reading_validation_mode = pydicom.config.IGNORE
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _restore(pydicom: Any) -> None:  # noqa: ANN401
    mode, filters, levels = _saved
    _saved.clear()
    pydicom.config.settings.reading_validation_mode = mode
    filters.__exit__(None, None, None)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
