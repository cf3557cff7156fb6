import json
import os
from pathlib import Path

import pytest

from amcnet.errors import InputError
from amcnet.io.small_files import read_json, read_small_file, read_toml


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1, "\xc3\xa4"]}')
    assert read_json(tmp_path / "a.json", "x") == {"a": [1, "\xe4"]}
    (tmp_path / "a.toml").write_text("[a]\nb = 1.5\n")
    assert read_toml(tmp_path / "a.toml", "x") == {"a": {"b": 1.5}}
    assert read_small_file(tmp_path / "a.toml", "x") == b"[a]\nb = 1.5\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
        b"a = 1",
        b"\0",
    ],
)
def test_other_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"a\.json: is not valid JSON .*, expected a result"
    ) as error:
        read_json(path, "a result")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"a = " + b"[" * 100_000,
        b"a = " + b"9" * 5000,
        b"a",
        b"a = 1\na = 2",
        b"a" + b".a" * 100_000 + b" = 1",  # takes hours to parse
    ],
)
def test_other_toml_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.toml: is not valid TOML .*, expected a scale"):
        read_toml(path, "a scale")


def test_huge_files_are_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: takes no space
    with pytest.raises(InputError, match="has more than 67108864 bytes, expected x"):
        read_json(path, "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_named_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="is a named pipe"):
        read_json(tmp_path / "pipe.json", "x")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a device"):
        read_json(tmp_path / "zero.json", "x")
    with pytest.raises(InputError, match="no such file"):
        read_json(tmp_path / "none.json", "x")
    (tmp_path / "good.json").write_text(json.dumps({}))
    assert read_json(tmp_path / "good.json", "x") == {}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_the_reason_of_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes('{"name": "Wirbelkörper"}'.encode(encoding))
    with pytest.raises(InputError, match=r"is not valid JSON \(not UTF-8 text\), expected x"):
        read_json(path, "x")
    path.write_bytes(b"\xef\xbb\xbf" + '{"name": "Wirbelkörper"}'.encode())
    assert read_json(path, "x") == {"name": "Wirbelkörper"}
