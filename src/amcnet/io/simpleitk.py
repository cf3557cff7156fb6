"""SimpleITK, imported only when a file is read or written."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_lock = threading.Lock()
_users: list[bool] = []  # for each that is inside: what the setting was when it came


@contextmanager
def quiet_simpleitk() -> Iterator[Any]:
    """Yield the SimpleITK module, with its own warnings kept off the terminal.

    The setting is one for all threads: the last that leaves restores it. The module comes as
    `Any`: it has no type information.
    """
    sitk: Any = import_module("SimpleITK")
    with _lock:
        _users.append(sitk.ProcessObject.GetGlobalWarningDisplay())
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield sitk
    finally:
        with _lock:
            before = _users[0]
            _users.pop()
            if not _users:
                sitk.ProcessObject.SetGlobalWarningDisplay(before)
