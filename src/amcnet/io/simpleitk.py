"""SimpleITK, imported only when a file is read or written."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def quiet_simpleitk() -> Iterator[Any]:
    """Yield the SimpleITK module, with its own warnings kept off the terminal.

    The module comes as `Any`: it has no type information.
    """
    sitk: Any = import_module("SimpleITK")
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield sitk
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)
