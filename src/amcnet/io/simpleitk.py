"""SimpleITK, imported only when one of its images is passed in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_lock = threading.Lock()
_users: list[bool] = []  # the setting that each nested block found on entry


@contextmanager
def quiet_simpleitk() -> Iterator[Any]:
    """Yield the SimpleITK module with its warnings silenced.

    All threads share the setting, so the last one to leave restores it. The module is typed as
    `Any` because it has no type information.
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
