"""Write the description and the labels that accompany an exported network."""

import json
from pathlib import Path

from amcnet.bundle.bundle import Bundle, sha256_of
from amcnet.bundle.description import DESCRIPTION_FILE, REFINER_IR_FILE
from amcnet.io.verified_files import write_verified

LABELS_FILE = "labels.json"


def write_sidecars(bundle: Bundle, folder: Path, file_names: tuple[str, ...]) -> None:
    """Write ``model.json`` and ``labels.json``.

    ``model.json`` lists the checksums of the given files and describes the refiner only if its
    network is among them. ``labels.json`` has the format of a ``dataset.json``, so ``amcnet
    evaluate --labels`` accepts it.
    """
    sha256 = {name: sha256_of(folder / name) for name in file_names}
    refiner = bundle.description.refiner if REFINER_IR_FILE in file_names else None
    description = bundle.description.model_copy(update={"sha256": sha256, "refiner": refiner})
    text = description.model_dump_json(indent=1) + "\n"
    write_verified(folder / DESCRIPTION_FILE, text)
    names = {"labels": description.label_table.values_by_name}
    labels = json.dumps(names, indent=1, ensure_ascii=False)
    write_verified(folder / LABELS_FILE, labels + "\n")
