"""Optional parts of the installation: one clear sentence where one is missing."""

from importlib.util import find_spec

from amcnet.errors import MissingExtraError

_FIRST_PACKAGE = {"train": "torch", "dask": "distributed"}


def require_extra(extra: str, what: str) -> None:
    """Check that an optional part of the installation is there, without importing it.

    Raises:
        MissingExtraError: If it is not.
    """
    if find_spec(_FIRST_PACKAGE[extra]) is None:
        raise MissingExtraError(what, extra)
