"""Export a model for OpenVINO: a copy of the bundle's own IR."""

from pathlib import Path

from amcnet.bundle.bundle import Bundle
from amcnet.bundle.description import (
    IR_FILE,
    IR_WEIGHTS_FILE,
    REFINER_IR_FILE,
    REFINER_IR_WEIGHTS_FILE,
)
from amcnet.bundle.formats.sidecars import write_sidecars
from amcnet.io.verified_files import copy_verified

_FILES = (IR_FILE, IR_WEIGHTS_FILE)
_REFINER_FILES = (REFINER_IR_FILE, REFINER_IR_WEIGHTS_FILE)


def write_openvino(bundle: Bundle, folder: Path) -> None:
    """Write ``model.xml``, ``model.bin``, ``model.json`` and ``labels.json`` into a folder.

    A model with a refiner also has ``refiner.xml`` and ``refiner.bin``.
    """
    names = _FILES if bundle.description.refiner is None else _FILES + _REFINER_FILES
    for name in names:
        copy_verified(bundle.path(name), folder / name)
    write_sidecars(bundle, folder, names)
