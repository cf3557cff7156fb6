"""Optional parts of the installation: one clear sentence where one is missing."""

from importlib import import_module
from types import ModuleType

from amcnet.errors import MissingExtraError

_PACKAGES = {"train": ("torch", "monai", "lightning", "tensorboard")}


def import_extra(module: str, extra: str, what: str) -> ModuleType:
    """Import a module of this package that needs an optional part of the installation.

    Raises:
        MissingExtraError: If a package of that part is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] in _PACKAGES[extra]:
            raise MissingExtraError(what, extra) from error
        raise
