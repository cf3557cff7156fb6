import contextlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from amcnet.errors import InputError
from amcnet.training.checkpoint_format import read_checkpoint, write_checkpoint
from amcnet.training.convert_checkpoints import convert_run

SHARED = torch.arange(4.0)
CONTENT = {
    "state_dict": {"network.detail.head.weight": SHARED, "half": torch.ones(2, 3).bfloat16()},
    "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}, 1: {}}, "betas": (0.9, 0.99)}],
    "best": SHARED,
    "history": [{"loss": float("nan"), "step": 10}, None, True, "ä\n"],
    "$odd": {"$tensor": "text"},
}


def same(found: object, expected: object) -> bool:
    if isinstance(expected, torch.Tensor):
        return found.dtype == expected.dtype and torch.equal(found, expected)
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[k], expected[k]) for k in expected)
    if isinstance(expected, (list, tuple)):
        return type(found) is type(expected) and all(map(same, found, expected))
    return found == expected or (expected != expected and found != found)


def test_content_comes_back(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.ckpt", CONTENT)
    assert same(read_checkpoint(tmp_path / "a.ckpt"), CONTENT)


@pytest.mark.parametrize("length", range(0, 256, 8))
def test_no_length_of_the_header_looks_like_a_pickle(tmp_path: Path, length: int) -> None:
    """The file begins with that length: one of them ends in the byte of a pickle."""
    write_checkpoint(tmp_path / "a.ckpt", {"text": "x" * length})
    assert read_checkpoint(tmp_path / "a.ckpt") == {"text": "x" * length}


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    write_checkpoint(path, {"weights": torch.arange(8.0), "step": 3})
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x01
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):  # else a byte of the header that means nothing
            assert same(read_checkpoint(path), {"weights": torch.arange(8.0), "step": 3})


@pytest.mark.parametrize("length", [0, 3, 100, 200])
def test_a_truncated_file_is_one_sentence(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.ckpt"
    write_checkpoint(path, CONTENT)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"a\.ckpt: cannot be read \(.*expected a complete"):
        read_checkpoint(path)


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_no_pickle_is_ever_read(tmp_path: Path, how: str) -> None:
    run = tmp_path / "run"
    path = run / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    trap = {"state_dict": {}, "x": Trap(tmp_path / "ran")}
    if how == "torch":
        torch.save(trap, path)
    else:
        path.write_bytes(pickle.dumps(trap))
    with pytest.raises(InputError, match=r"earlier version, a pickle, .*convert_checkpoints"):
        read_checkpoint(path)
    if how == "torch":
        with pytest.raises(InputError, match="holds more than tensors and plain containers"):
            convert_run(run)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": [1]}, {"state_dict": {3: 4}}, 7])
def test_a_former_checkpoint_of_something_else_is_one_line(tmp_path: Path, content: object) -> None:
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    torch.save(content, path)
    with pytest.raises(InputError, match="holds more than tensors and plain containers"):
        convert_run(tmp_path / "run")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_does_not_make_the_conversion_wait(tmp_path: Path) -> None:
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    for read in (read_checkpoint, lambda one: convert_run(one.parent.parent)):
        with pytest.raises(InputError, match="is a named pipe"):
            read(path)


def test_a_checkpoint_that_is_not_stored_completely_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(tensors: object, path: Path, metadata: object) -> None:
        save_file(tensors, path, metadata)
        os.truncate(path, path.stat().st_size - 1)

    monkeypatch.setattr("amcnet.training.checkpoint_format.save_file", lose)
    with pytest.raises(OSError, match="not fully covered"):
        write_checkpoint(tmp_path / "last.ckpt", CONTENT)


def test_a_former_checkpoint_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    torch.save(CONTENT, path)
    assert convert_run(tmp_path / "run") == [path]
    found = read_checkpoint(path)
    assert torch.equal(found["state_dict"]["network.refinement.head.weight"], SHARED)
    assert same(found["optimizer_states"], CONTENT["optimizer_states"])
    assert torch.load(path.with_name("last.ckpt.former"), weights_only=True)
    assert convert_run(tmp_path / "run") == []
