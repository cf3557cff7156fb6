"""Optional parts of the installation: one clear sentence where one is missing."""

from importlib.util import find_spec

from amcnet.errors import MissingExtraError

_FIRST_PACKAGE = {
    "dicom": "highdicom",
    "train": "torch",
    "dask": "distributed",
    "serve": "pynetdicom",
}
EXTRAS = tuple(_FIRST_PACKAGE)


def has_extra(extra: str) -> bool:
    """Return whether an optional part of the installation is there, without importing it."""
    return find_spec(_FIRST_PACKAGE[extra]) is not None


def require_extra(extra: str, what: str) -> None:
    """Check that an optional part of the installation is there, without importing it.

    Raises:
        MissingExtraError: If it is not.
    """
    if not has_extra(extra):
        raise MissingExtraError(what, extra)
