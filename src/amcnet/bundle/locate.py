"""Find models: in a folder, in a run folder, or installed under a name."""

import os
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

import platformdirs

from amcnet.bundle.description import DESCRIPTION_FILE
from amcnet.bundle.models_lock import recover_models
from amcnet.errors import InputError, ModelError
from amcnet.io.input_files import check_regular_file

BUNDLED_NAME = "hand"
_RUN_MODEL = "model"  # the folder of the model inside a run folder


def default_bundle_folder() -> Path:
    """Return the folder of the bundled model.

    Example:
        >>> (default_bundle_folder() / "model.json").is_file()
        True
    """
    return Path(str(files("amcnet"))) / "models" / BUNDLED_NAME


def models_folder() -> Path:
    """Return the folder for installed models; it need not exist.

    Example:
        >>> models_folder().name
        'models'
    """
    return platformdirs.user_data_path("amcnet", appauthor=False) / "models"


def installed_folders() -> dict[str, Path]:
    """Return name -> folder of every named model, the bundled one first."""
    found = {BUNDLED_NAME: default_bundle_folder()}
    folder = models_folder()
    if folder.is_dir():
        recover_models(folder)
        for path in sorted(folder.iterdir()):
            # Names of folders that are being written begin with a dot.
            if path.is_dir() and not path.name.startswith("."):
                found.setdefault(path.name, path)
    return found


def find_model(model: str | Path | None = None) -> Path:
    """Return the folder of a model bundle without checking its contents.

    Args:
        model: Folder of a bundle, run folder with a bundle in ``model/``, or name of an installed
            model; by default the bundled model. If a folder and an installed model have the same
            name, the folder takes precedence.

    Raises:
        ModelError: If no such folder or name exists.

    >>> find_model("hand") == default_bundle_folder()
    True
    """
    if model is None:
        return default_bundle_folder()
    path = Path(model)
    for folder in (path, path / _RUN_MODEL):
        if (folder / DESCRIPTION_FILE).is_file():
            return folder
    named = installed_folders()
    if str(model) in named:
        return named[str(model)]
    if path.is_dir() or os.path.lexists(path):
        inside = path / DESCRIPTION_FILE if path.is_dir() else path
        what = "the description of a model bundle" if path.is_dir() else "the folder of a model"
        try:
            check_regular_file(inside, what)
        except InputError as error:
            raise ModelError(str(error)) from error
        raise ModelError(f"{path}: is a file, expected {what}; amcnet models install takes a .zip")
    nearest = get_close_matches(str(model), named, n=1, cutoff=0.5)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    raise ModelError(
        f"{model}: is neither a folder nor an installed model, expected a model bundle's folder or "
        f"one of {', '.join(named)}{hint}"
    )
