"""Read a model bundle and verify its files."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from amcnet.bundle.description import (
    DESCRIPTION_FILE,
    IR_FILE,
    IR_WEIGHTS_FILE,
    REFINER_FILES,
    WEIGHTS_FILE,
    BundleDescription,
)
from amcnet.bundle.ir_check import check_ir
from amcnet.bundle.locate import default_bundle_folder, find_model
from amcnet.errors import InputError, ModelError, count_text
from amcnet.io.atomic_files import write_atomically
from amcnet.io.input_files import check_regular_file
from amcnet.io.small_files import read_small_file

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Bundle:
    """A model bundle on disk whose files have been checked against their checksums.

    Attributes:
        folder: Folder of the bundle.
        description: Content of its ``model.json``.

    Example:
        >>> bundle = load_bundle()
        >>> bundle.path("model.xml").name, bundle.description.window
        ('model.xml', 204)
    """

    folder: Path
    description: BundleDescription

    def path(self, file_name: str) -> Path:
        """Return the path of one of the bundle's files.

        Args:
            file_name: Name within the bundle, such as ``model.xml``.

        Raises:
            ModelError: If the bundle does not list that file.
        """
        if file_name not in self.description.sha256:
            listed = ", ".join(sorted(self.description.sha256))
            raise ModelError(f"{self.folder}: has no {file_name}, found {listed}")
        return self.folder / file_name


def load_bundle(model: str | Path | None = None) -> Bundle:
    """Read a bundle's description, verify the SHA-256 of every file and the IR's structure.

    Args:
        model: Folder of the bundle, run folder or name of an installed model, see
            :func:`amcnet.bundle.find_model`; by default the bundled model.

    Raises:
        ModelError: If there is no such bundle, or a file is missing or damaged.

    >>> bundle = load_bundle()
    >>> bundle.description.name, len(bundle.description.label_table)
    ('hand', 38)
    """
    folder = find_model(model)
    description = read_description(folder)
    for file_name, expected in description.sha256.items():
        _verify(folder / file_name, expected)
    if folder != default_bundle_folder():  # the bundled model is part of the package
        for file_name in description.sha256:
            if file_name.lower().endswith(".xml"):
                check_ir(folder / file_name)
    return Bundle(folder, description)


def read_description(folder: Path) -> BundleDescription:
    """Read the description of a bundle without checking its other files.

    Raises:
        ModelError: If it is missing, damaged or contradicts itself.

    Example:
        >>> from amcnet.bundle.locate import default_bundle_folder
        >>> read_description(default_bundle_folder()).label_table[14].name
        'second metacarpal bone'
    """
    path = folder / DESCRIPTION_FILE
    try:
        content = read_small_file(path, "the description of a model bundle")
    except InputError as error:
        raise ModelError(str(error)) from error
    return parse_description(path, content)


def parse_description(path: Path, content: bytes) -> BundleDescription:
    """Parse the content of a description.

    Args:
        path: File of the content, for messages.
        content: The JSON text.

    Raises:
        ModelError: If it is damaged or contradicts itself.
    """
    try:
        description = BundleDescription.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(f"{path}: {where}: {first['msg']}") from error
    _check_consistency(path, description)
    return description


def write_bundle_description(folder: Path, description: BundleDescription) -> None:
    """Write the description of a bundle, replacing the existing one."""
    write_atomically(folder / DESCRIPTION_FILE, description.model_dump_json(indent=1) + "\n")


def _check_consistency(path: Path, description: BundleDescription) -> None:
    needed = {WEIGHTS_FILE, IR_FILE, IR_WEIGHTS_FILE}
    if description.refiner is not None:
        needed |= set(REFINER_FILES)
    missing = needed - set(description.sha256)
    if missing:
        raise ModelError(f"{path}: has no checksum of {', '.join(sorted(missing))}")
    for name in description.sha256:
        if _FILE_NAME.fullmatch(name) is None or name.lower() == DESCRIPTION_FILE:
            raise ModelError(
                f"{path}: lists {name!r}, expected the name of a file in the same folder"
            )
    try:
        table = description.label_table
    except (InputError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: labels cannot be used: {error}") from error
    if table.num_classes != description.architecture.num_classes:
        raise ModelError(
            f"{path}: lists {count_text(len(table), 'structure')}, "
            f"expected {description.architecture.num_classes - 1}"
        )
    how = description.preprocessing.normalisation
    if isinstance(how, tuple) and len(how) != description.architecture.in_channels:
        raise ModelError(
            f"{path}: lists {len(how)} normalisations, expected one or "
            f"{description.architecture.in_channels}, one for each input channel"
        )
    _check_refiner(path, description)


def _check_refiner(path: Path, description: BundleDescription) -> None:
    refiner = description.refiner
    if refiner is None:
        return
    if refiner.kinds != description.label_table.kinds:
        raise ModelError(
            f"{path}: its refiner is for the kinds {', '.join(refiner.kinds)}, expected those of "
            f"its label table: {', '.join(description.label_table.kinds)}"
        )
    found = refiner.architecture.in_channels, refiner.architecture.kinds
    expected = description.architecture.in_channels, len(refiner.kinds)
    if found != expected:
        raise ModelError(
            f"{path}: its refiner takes {count_text(found[0], 'channel')} and "
            f"{count_text(found[1], 'kind')}, "
            f"expected {expected[0]} and {expected[1]}"
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _verify(path: Path, expected: str) -> None:
    try:
        check_regular_file(path, "a file of the model bundle")
    except InputError as error:
        raise ModelError(str(error)) from error
    found = sha256_of(path)
    if found != expected:
        raise ModelError(
            f"{path}: is damaged: its SHA-256 is {found[:12]}..., expected {expected[:12]}..."
        )
