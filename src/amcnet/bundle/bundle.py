"""Finding a model bundle and making sure that it is whole."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from amcnet.bundle.description import (
    DESCRIPTION_FILE,
    IR_FILE,
    IR_WEIGHTS_FILE,
    WEIGHTS_FILE,
    BundleDescription,
)
from amcnet.errors import InputError, ModelError


@dataclass(frozen=True)
class Bundle:
    """A model bundle on disk whose files have been checked against their checksums."""

    folder: Path
    description: BundleDescription

    def path(self, file_name: str) -> Path:
        """Return the path of one of the bundle's files.

        Raises:
            ModelError: If the bundle does not list that file.
        """
        if file_name not in self.description.sha256:
            listed = ", ".join(sorted(self.description.sha256))
            raise ModelError(f"{self.folder}: has no {file_name}, found {listed}")
        return self.folder / file_name


def default_bundle_folder() -> Path:
    """Return the folder of the model that ships with the package."""
    return Path(str(files("amcnet"))) / "models" / "hand"


def load_bundle(folder: str | Path | None = None) -> Bundle:
    """Read a bundle's description and verify the SHA-256 of every file.

    Args:
        folder: Folder of the bundle; the model that ships with the package where left out.

    Raises:
        ModelError: If the folder is no bundle, or a file is missing or damaged.
    """
    folder = default_bundle_folder() if folder is None else Path(folder)
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        raise ModelError(f"{path}: is missing, expected the description of a model bundle")
    try:
        description = BundleDescription.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(f"{path}: {where}: {first['msg']}") from error
    _check_consistency(path, description)
    for file_name, expected in description.sha256.items():
        _verify(folder / file_name, expected)
    return Bundle(folder, description)


def _check_consistency(path: Path, description: BundleDescription) -> None:
    missing = {WEIGHTS_FILE, IR_FILE, IR_WEIGHTS_FILE} - set(description.sha256)
    if missing:
        raise ModelError(f"{path}: has no checksum of {', '.join(sorted(missing))}")
    try:
        classes = description.label_table.num_classes
    except InputError as error:
        raise ModelError(f"{path}: {error}") from error
    if classes != description.architecture.num_classes:
        raise ModelError(
            f"{path}: lists {classes - 1} structures, "
            f"expected {description.architecture.num_classes - 1}"
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _verify(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: is missing, expected a file of the model bundle")
    found = sha256_of(path)
    if found != expected:
        raise ModelError(
            f"{path}: is damaged: its SHA-256 is {found[:12]}..., expected {expected[:12]}..."
        )
