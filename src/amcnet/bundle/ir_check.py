"""Structural check of an OpenVINO IR from an untrusted source."""

import re
from pathlib import Path
from xml.etree import ElementTree

from amcnet.errors import ModelError

_LARGEST_BYTES = 64 * 2**20
_DEEPEST = 32
_OPERATION_SET = re.compile(r"opset\d{1,3}")  # other operation sets come from extension libraries
_FILE_WORDS = ("path", "file", "uri", "url", "library", "location")


def check_ir(path: Path) -> None:
    """Check the structure of an IR without running it.

    OpenVINO reads constants from the ``.bin`` file next to the ``.xml``. The check refuses
    everything that could make it read other files or never finish: document types and entities,
    operations of extension libraries, entries that name files, and constants outside the weights.

    Args:
        path: The ``.xml`` file, with its ``.bin`` in the same folder.

    Raises:
        ModelError: If the file fails the check.
    """
    size = path.stat().st_size
    if size > _LARGEST_BYTES:
        raise ModelError(f"{path}: has {size} bytes, expected no more than {_LARGEST_BYTES}")
    content = path.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:
        raise ModelError(f"{path}: declares a document type or entities, expected a plain IR")
    weights = path.with_suffix(".bin")
    weights_bytes = weights.stat().st_size if weights.is_file() else 0
    try:
        waiting = [(ElementTree.fromstring(content), 1)]
        while waiting:
            element, depth = waiting.pop()
            if depth > _DEEPEST:
                raise ModelError(f"{path}: is nested more than {_DEEPEST} deep, expected an IR")
            _check_element(path, element, weights_bytes)
            waiting += [(child, depth + 1) for child in element]
    except (ElementTree.ParseError, ValueError) as error:
        raise ModelError(f"{path}: is not a readable IR ({error})") from error


def _check_element(path: Path, element: ElementTree.Element, weights_bytes: int) -> None:
    attributes = element.attrib
    if element.tag == "layer" and not _OPERATION_SET.fullmatch(attributes.get("version", "")):
        raise ModelError(
            f"{path}: layer '{attributes.get('name')}' is of '{attributes.get('version')}', "
            "expected an operation of OpenVINO's own sets (opset1, ...)"
        )
    keys = [element.tag, *attributes]
    if element.tag in {"info", "attribute"}:
        keys.append(attributes.get("name", ""))
    named = [key for key in keys if any(word in key.lower() for word in _FILE_WORDS)]
    if named:
        raise ModelError(f"{path}: has an entry '{named[0]}', expected none that names a file")
    if element.tag == "data" and "offset" in attributes:
        end = int(attributes["offset"]) + int(attributes.get("size", "0"))
        if not 0 <= int(attributes["offset"]) <= end <= weights_bytes:
            raise ModelError(
                f"{path}: has a constant that ends at byte {end}, expected no more than "
                f"{weights_bytes}, the size of the weights"
            )
