"""Install, list and remove the user's models."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from amcnet.bundle.archive import unpack_bundle
from amcnet.bundle.bundle import Bundle, load_bundle, read_description
from amcnet.bundle.description import DESCRIPTION_FILE, BundleDescription
from amcnet.bundle.locate import BUNDLED_NAME, installed_folders, models_folder
from amcnet.bundle.models_lock import sole_writer
from amcnet.errors import ModelError, OutputError
from amcnet.io.atomic_folders import new_folder, put_in_place, remove_folder
from amcnet.io.verified_files import copy_verified

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # reserved names on Windows


@dataclass(frozen=True)
class InstalledModel:
    """An installed or bundled model.

    Attributes:
        name: Its name.
        folder: Its bundle's folder.
        description: Description of the bundle; None if it cannot be read.
        problem: Reason why it cannot be read.

    Example:
        >>> bundled = list_models()[0]
        >>> bundled.name, bundled.description.architecture.name, bundled.problem
        ('hand', 'amcnet', '')
    """

    name: str
    folder: Path
    description: BundleDescription | None = None
    problem: str = ""


def list_models() -> list[InstalledModel]:
    """Return the named models, the bundled one first; their files are not checked.

    Example:
        >>> [model.name for model in list_models()][:1]
        ['hand']
    """
    models = []
    for name, folder in installed_folders().items():
        try:
            models.append(InstalledModel(name, folder, read_description(folder)))
        except ModelError as error:
            models.append(InstalledModel(name, folder, problem=str(error)))
    return models


def install_model(source: Path, name: str | None = None, overwrite: bool = False) -> Bundle:
    """Install a model under a name; it becomes visible once all checksums match.

    Args:
        source: A bundle's folder, a run folder, or a .zip that :func:`pack_bundle` made.
        name: Name of the installed model, by default the name in the bundle.
        overwrite: Replace an installed model of that name.

    Returns:
        The installed bundle.

    Raises:
        ModelError: If the source is not a valid bundle, or the name cannot be used.
        OutputError: If the name is taken, or the files cannot be written.

    Example:
        >>> from amcnet.bundle import default_bundle_folder
        >>> install_model(default_bundle_folder(), "copy").folder.name
        'copy'
        >>> remove_model("copy")
    """
    if not os.path.lexists(source):
        raise ModelError(f"{source}: does not exist, expected a model bundle's folder or .zip")
    models = models_folder()
    try:
        models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{models}: could not be made ({error.strerror})") from error
    with sole_writer(models), new_folder(models / "incoming") as incoming:
        _copy_or_unpack(source, incoming)
        description = load_bundle(incoming).description
        folder = models / _checked_name(description.name if name is None else name, overwrite)
        put_in_place(incoming, folder)
    return Bundle(folder, description)


def remove_model(name: str) -> None:
    """Remove an installed model.

    Raises:
        ModelError: If there is no such model, or it is the bundled one.
        OutputError: If its files cannot be removed.

    Example:
        >>> remove_model("hand")
        Traceback (most recent call last):
            ...
        amcnet.errors.ModelError: hand: is part of the package, expected an installed model
    """
    if name == BUNDLED_NAME:
        raise ModelError(f"{name}: is part of the package, expected an installed model")
    if not models_folder().is_dir():
        raise ModelError(f"{name}: is not installed, expected one of {BUNDLED_NAME}")
    with sole_writer(models_folder()):
        named = installed_folders()
        if name not in named:
            raise ModelError(f"{name}: is not installed, expected one of {', '.join(named)}")
        remove_folder(named[name])


def _copy_or_unpack(source: Path, folder: Path) -> None:
    """Copy or unpack the files of a bundle into a folder."""
    if source.is_file():
        unpack_bundle(source, folder)
        return
    bundle = load_bundle(source)
    for file_name in (DESCRIPTION_FILE, *bundle.description.sha256):
        copy_verified(bundle.folder / file_name, folder / file_name)


def _checked_name(name: str, overwrite: bool) -> str:
    if _NAME.fullmatch(name) is None or _DEVICE.fullmatch(name.lower()):
        raise ModelError(
            f"name: found {name!r}, expected 1 to 64 letters, digits, dots, hyphens or underscores"
        )
    if name.lower() == BUNDLED_NAME:
        raise ModelError(f"name: '{name}' is the bundled model, expected another name")
    path = models_folder() / name
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists, use --overwrite to replace it")
    return name
