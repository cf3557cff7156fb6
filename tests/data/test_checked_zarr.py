"""Prepared cases from strangers, and prepared cases that were damaged."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from amcnet.data.checked_zarr import CHECKSUM_FILE, Checksums, digest_of
from amcnet.data.prepared_store import PreparedCase, is_up_to_date, open_case
from amcnet.errors import InputError

from .prepared import numbered_case

zarr = pytest.importorskip("zarr")
CHUNK = "image/c/0/1/0/0"  # slices 8 to 15


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def case(tmp_path: Path) -> PreparedCase:
    return numbered_case(tmp_path, 20)


def sign(folder: Path) -> None:
    """List whatever is in a folder with right checksums, as somebody with bad intentions would."""
    files = {
        path.relative_to(folder).as_posix(): digest_of(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != CHECKSUM_FILE
    }
    (folder / CHECKSUM_FILE).write_text(Checksums(origin="x", files=files).model_dump_json())


def change_metadata(case: PreparedCase, array: str, **changes: object) -> None:
    path = case.folder / array / "zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    sign(case.folder)


def test_an_array_that_is_decoded_by_pickle_runs_nothing(case: PreparedCase, tmp_path: Path):
    trap = tmp_path / "ran"
    folder = case.folder / "counts"
    shutil.rmtree(folder)
    folder.mkdir()
    header = {
        "zarr_format": 2,
        "shape": [1],
        "chunks": [1],
        "dtype": "|O",
        "compressor": None,
        "filters": [{"id": "pickle", "protocol": 4}],
        "fill_value": None,
        "order": "C",
    }
    for compressor, filters in ((None, header["filters"]), (header["filters"][0], None)):
        header |= {"compressor": compressor, "filters": filters}
        (folder / ".zarray").write_text(json.dumps(header))
        (folder / "0").write_bytes(pickle.dumps(Trap(trap)))
        sign(case.folder)
        with pytest.raises(InputError, match=r"counts.zarr\.json: is not listed in checksums"):
            open_case(case.folder)
    assert not trap.exists()
    pickle.loads(pickle.dumps(Trap(trap)))  # the trap works
    assert trap.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"codecs": [{"name": "numcodecs.pickle", "configuration": {"protocol": 4}}]},
        {"codecs": [{"name": "numcodecs.zlib", "configuration": {"level": 1}}]},
        {"codecs": [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 1}}]},
        {"codecs": [{"name": "bytes"}]},
        {"codecs": [{"name": "vlen-utf8"}]},
        {"codecs": []},
        {"data_type": "string"},
        {"data_type": {"name": "numcodecs.object", "configuration": {}}},
        {"zarr_format": 2},
        {"storage_transformers": [{"name": "any"}]},
        {"attributes": {"more": 1}},
        {"consolidated_metadata": {}},
        {"shape": [10**9, 10**9, 10**9, 10**9]},
        {"shape": [0, 1, 1, 1]},
        {"fill_value": "NaN"},
    ],
)
def test_other_codecs_types_and_formats_are_refused(case: PreparedCase, changes: dict):
    change_metadata(case, "image", **changes)
    with pytest.raises(InputError, match=r"image.zarr\.json: is not what amcnet prepare writes"):
        open_case(case.folder)


def test_a_chunk_that_unpacks_to_more_than_its_array_says_is_refused(case: PreparedCase):
    from numcodecs import blosc

    chunk = case.folder / CHUNK
    chunk.write_bytes(blosc.compress(bytes(2**20), b"lz4", 1))
    sign(case.folder)
    with pytest.raises(InputError, match=r"holds 1048576 bytes, expected 480"):
        open_case(case.folder).slab(0, 20)


def test_arrays_that_do_not_belong_together_are_refused(case: PreparedCase, tmp_path: Path):
    other = numbered_case(tmp_path, 24, "other")
    shutil.rmtree(case.folder / "labels")
    shutil.copytree(other.folder / "labels", case.folder / "labels")
    sign(case.folder)
    with pytest.raises(InputError, match="expected arrays on one grid"):
        open_case(case.folder)


@pytest.mark.parametrize("name", [CHUNK, "labels/c/1/0/0", "image/zarr.json", "zarr.json"])
def test_lost_and_damaged_files_are_told_and_name_the_case(case: PreparedCase, name: str):
    assert is_up_to_date(case.folder, "digest")
    path = case.folder / name
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(InputError, match=r"case\.zarr.*is missing from the prepared case"):
        case.slab(4, 12)
    assert not is_up_to_date(case.folder, "digest")
    for position in (0, len(content) // 2, len(content) - 1):
        damaged = bytearray(content)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"case\.zarr.*is damaged"):
            case.slab(4, 12)
    assert not is_up_to_date(case.folder, "digest")
    path.write_bytes(content)
    assert is_up_to_date(case.folder, "digest")
    case.slab(4, 12)


def test_links_are_not_followed(case: PreparedCase, tmp_path: Path):
    chunk = case.folder / CHUNK
    chunk.replace(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link or inside one"):
        case.slab(4, 12)
    chunk.unlink()
    shutil.move(case.folder / "image", tmp_path / "image")
    (case.folder / "image").symlink_to(tmp_path / "image")
    with pytest.raises(InputError, match="is a link or inside one"):
        case.slab(4, 12)


def test_a_chunk_too_few_in_the_list_is_told(case: PreparedCase):
    (case.folder / CHUNK).unlink()
    sign(case.folder)
    with pytest.raises(InputError, match="lists 2 chunks of 'image', expected 3"):
        open_case(case.folder)


def test_counts_that_unpack_to_gigabytes_are_refused_before_they_are_read(case: PreparedCase):
    shutil.rmtree(case.folder / "counts")
    group = zarr.open_group(case.folder, mode="r+", zarr_format=3)
    many = np.zeros((20, 2**20), np.int32)
    codec = zarr.codecs.BloscCodec(cname="zstd", clevel=1)
    config = {"write_empty_chunks": True}
    group.create_array("counts", data=many, chunks=many.shape, compressors=codec, config=config)
    sign(case.folder)
    with pytest.raises(InputError, match="counts 1048576 classes, expected at most 256"):
        open_case(case.folder)


def test_chunks_that_were_exchanged_are_told(case: PreparedCase):
    first, second = (case.folder / f"image/c/0/{n}/0/0" for n in (0, 1))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    with pytest.raises(InputError, match="is damaged"):
        case.slab(0, 20)


@pytest.mark.parametrize("name", [CHUNK, "image/zarr.json", "zarr.json"])
def test_a_file_of_terabytes_is_refused_before_it_is_read(case: PreparedCase, name: str):
    os.truncate(case.folder / name, 2**42)  # sparse: it takes no room
    with pytest.raises(InputError, match="has more than"):
        open_case(case.folder).slab(0, 20)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("name", [CHECKSUM_FILE, "zarr.json", CHUNK])
def test_a_named_pipe_does_not_make_anything_wait(case: PreparedCase, name: str):
    (case.folder / name).unlink()
    os.mkfifo(case.folder / name)
    assert not is_up_to_date(case.folder, "digest")
    with pytest.raises(InputError):
        open_case(case.folder).slab(0, 20)
