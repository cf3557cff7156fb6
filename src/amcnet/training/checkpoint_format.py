"""The format of checkpoints: one safetensors file, so that reading one never runs code.

Tensors are stored as such. Everything else (counters, histories, optimiser settings) is JSON in the
file's metadata, together with a SHA-256 of the JSON and all tensors.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from amcnet.errors import InputError
from amcnet.io.input_files import check_regular_file

_FORMAT = "amcnet checkpoint 1"
_TENSOR, _PAIRS, _TUPLE = "$tensor", "$pairs", "$tuple"  # values that JSON cannot represent
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"  # how torch.save begins a file, now and in earlier versions


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint.

    Args:
        path: The file; it is written in place.
        checkpoint: Nested dictionaries, lists and tuples of tensors, numbers, texts and None.

    Raises:
        TypeError: If the checkpoint contains other types.
        OSError: If the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_to_json(checkpoint, tensors))
    metadata = {
        "format": _FORMAT,
        "structure": structure,
        "sha256": _digest(structure, tensors),
    }
    try:
        save_file(tensors, path, metadata)
        with safe_open(path, framework="pt"):  # which compares the size of the file
            pass
    except SafetensorError as error:  # for example a full disk
        raise OSError(str(error)) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU and compare its checksum.

    Raises:
        InputError: If the file is not a checkpoint, has the former format, or is damaged.
    """
    check_regular_file(path, "a checkpoint")
    try:
        with path.open("rb") as stream:
            start = stream.read(9)
        if _is_pickle(start):
            raise InputError(
                f"{path}: is a checkpoint of an earlier version, a pickle, which can run code "
                "when it is read. If you made this run yourself, convert it with: python -m "
                f"amcnet.training.convert_checkpoints {path.parent.parent}"
            )
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != _FORMAT:
            raise InputError(f"{path}: has no format '{_FORMAT}', expected a checkpoint of a run")
        if metadata.get("sha256") != _digest(metadata["structure"], tensors):
            raise InputError(f"{path}: is damaged: its checksum does not match its content")
        checkpoint = _from_json(json.loads(metadata["structure"]), tensors)
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}: cannot be read ({_reason(error)}), expected a complete checkpoint"
        ) from error
    if not isinstance(checkpoint, dict):
        raise InputError(f"{path}: holds a {type(checkpoint).__name__}, expected a checkpoint")
    return checkpoint


def _is_pickle(start: bytes) -> bool:
    """Return whether a file is a pickle; safetensors begin with a length of 8 bytes and ``{``."""
    return start.startswith(_ZIP) or (start.startswith(_PICKLE) and start[8:] != b"{")


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _to_json(value: Any, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    if isinstance(value, Tensor):
        name = f"{len(tensors):06d}"
        # a copy: safetensors refuses tensors that share memory
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: _to_json(part, tensors) for key, part in value.items()}
        pairs = [[_to_json(key, tensors), _to_json(part, tensors)] for key, part in value.items()]
        return {_PAIRS: pairs}
    if isinstance(value, tuple):
        return {_TUPLE: [_to_json(part, tensors) for part in value]}
    if isinstance(value, list):
        return [_to_json(part, tensors) for part in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"found a {type(value).__name__} in a checkpoint, expected tensors and JSON")


def _from_json(value: Any, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_from_json(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_TENSOR}:
        return tensors[value[_TENSOR]]
    if value.keys() == {_PAIRS}:
        pairs = (_from_json(pair, tensors) for pair in value[_PAIRS])
        return dict(pairs)
    if value.keys() == {_TUPLE}:
        return tuple(_from_json(part, tensors) for part in value[_TUPLE])
    return {key: _from_json(part, tensors) for key, part in value.items()}


def _digest(structure: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(structure.encode("utf-8", "surrogatepass"))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes, because NumPy has no bfloat16.
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
