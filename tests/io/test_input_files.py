"""Files from strangers: only regular ones, data files only beside their header, no bombs."""

import bz2
import gzip
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from amcnet.errors import AmcnetError, InputError
from amcnet.io import IMAGE_EXTENSIONS, Geometry, read_geometry, read_labels, read_volume
from amcnet.io import write_image as write

GIB = 2**30
NRRD = (
    "NRRD0004\ntype: uint8\ndimension: 3\nsizes: {sizes}\nspacings: 1 1 1\nencoding: {encoding}\n"
)

resource = pytest.importorskip("resource")  # not on Windows
META = "NDims = 3\nDimSize = {sizes}\nElementType = MET_UCHAR\nElementSpacing = 1 1 1\n"


@pytest.mark.parametrize("name", [f"a{one}" for one in IMAGE_EXTENSIONS] + ["a", "a.seg.nrrd"])
@pytest.mark.timeout(20)
def test_a_named_pipe_is_refused_at_once(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    for read in (read_volume, read_labels, read_geometry):
        with pytest.raises(InputError, match=r"a named pipe|not a regular file"):
            read(tmp_path / name)


def test_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a device, expected an image file"):
        read_volume(tmp_path / "a.nrrd")


def headers(folder: Path, name: str) -> Iterator[Path]:
    nhdr = NRRD.format(sizes="2 2 2", encoding="raw")
    for extension, text in (
        (".nhdr", f"{nhdr}data file: {name}\n"),
        (".nhdr", f"{nhdr}data file: LIST\n{name}\n"),
        (".mhd", META.format(sizes="2 2 2") + f"ElementDataFile = {name}\n"),
        (".mhd", META.format(sizes="2 2 2") + f"ElementDataFile = LIST\n{name}\n"),
    ):
        path = folder / f"a{extension}"
        path.write_text(text, encoding="utf-8")
        yield path


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ("hand.raw", "HAND.RAW"),  # from a system that ignores letter case
        ("Ha\N{COMBINING DIAERESIS}nde.raw", "H\xe4nde.raw"),  # copied from macOS
        ("H\xe4nde.raw", "Ha\N{COMBINING DIAERESIS}nde.raw"),
        ("\u624b.raw", "\u624b.raw"),
        ("50%.raw", "50%.raw"),
        ("my hand.raw", "my hand.raw"),
    ],
)
def test_names_of_data_files_from_other_systems(tmp_path: Path, stored: str, named: str) -> None:
    (tmp_path / stored).write_bytes(bytes(range(8)))
    for path in headers(tmp_path, named):
        np.testing.assert_array_equal(read_volume(path).array.ravel(), range(8))
    (tmp_path / stored).rename(tmp_path / "other.raw")
    for path in headers(tmp_path, named):
        with pytest.raises(InputError, match=f"its data file '{named}' was not found"):
            read_volume(path)


def test_a_name_in_another_case_that_fits_two_data_files(tmp_path: Path) -> None:
    for name in ("hand.raw", "Hand.raw"):
        (tmp_path / name).write_bytes(bytes(8))
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system ignores letter case")
    for path in headers(tmp_path, "HAND.RAW"):
        with pytest.raises(InputError, match=r"its data file 'HAND\.RAW' was not found"):
            read_volume(path)


def test_data_files_lie_beside_their_header(tmp_path: Path) -> None:
    folder, other = tmp_path / "scans", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    for place in (folder, other):
        (place / "a.raw").write_bytes(bytes(range(8)))
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(other / "a.raw")
    (folder / "inner").symlink_to(folder / "a.raw")
    for name, message in (
        (f"{other}/a.raw", "expected a plain file name"),
        ("../other/a.raw", "expected a plain file name"),
        ("..\\other\\a.raw", "expected a plain file name"),
        ("C:a.raw", "expected a plain file name"),
        ("/dev/zero", "expected a plain file name"),
        ("..", "expected a plain file name"),
        ("pipe", "is a named pipe"),
        ("link", "is a link to another folder"),
        ("none", "'none' was not found"),
    ):
        for path in headers(folder, name):
            with pytest.raises(InputError, match=message) as caught:
                read_volume(path)
            assert str(caught.value).startswith(f"{path}: ")
    for name in ("inner", "./a.raw", "a.raw"):
        for path in headers(folder, name):
            np.testing.assert_array_equal(read_volume(path).array.ravel(), range(8))
    (other / "a.mhd").symlink_to(folder / "a.mhd")  # header and data in one store, linked alike
    (other / "a.raw").unlink()
    (other / "a.raw").symlink_to(folder / "a.raw")
    np.testing.assert_array_equal(read_volume(other / "a.mhd").array.ravel(), range(8))


@contextmanager
def little_memory(num_bytes: int) -> Iterator[None]:
    """Let the operating system refuse more address space than now and ``num_bytes``."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def zeros(num_bytes: int, encoding: str) -> bytes:
    """Compress zeros quickly: members of one MiB each."""
    compress = gzip.compress if encoding == "gzip" else bz2.compress
    return compress(bytes(1 << 20)) * (num_bytes >> 20)


@pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
def test_what_decompresses_to_more_than_a_scan(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.nrrd"
    head = NRRD.format(sizes="2048 2048 2048", encoding=encoding) + "\n"
    path.write_bytes(head.encode() + zeros(8 * GIB, encoding))
    begin = time.monotonic()
    with (
        little_memory(GIB),
        pytest.raises(InputError, match=r"8\.0 GiB, expected at most 200 times"),
    ):
        read_volume(path)
    assert time.monotonic() - begin < 2


def nifti(tmp_path: Path) -> bytes:
    write(
        tmp_path / "b.nii", np.ones((2, 3, 4), np.uint8), Geometry.canonical((2, 3, 4), (1, 1, 1))
    )
    return (tmp_path / "b.nii").read_bytes()


def test_a_tail_behind_the_voxels(tmp_path: Path) -> None:
    tail = zeros(2 * GIB, "gzip")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(nifti(tmp_path)) + tail)
    nrrd = NRRD.format(sizes="2 3 4", encoding="gzip") + "\n"
    (tmp_path / "a.nrrd").write_bytes(nrrd.encode() + gzip.compress(bytes(24)) + tail)
    packed = zlib.compress(bytes(1 << 26))
    meta = META.format(sizes="2 3 4") + f"CompressedData = True\nCompressedDataSize = {len(packed)}"
    (tmp_path / "a.mha").write_bytes(f"{meta}\nElementDataFile = LOCAL\n".encode() + packed)
    begin = time.monotonic()
    for name in ("a.nii.gz", "a.nrrd", "a.mha"):
        with little_memory(GIB), pytest.raises(InputError, match="continue after the voxels"):
            read_volume(tmp_path / name)
    assert time.monotonic() - begin < 10


def test_an_offset_far_into_compressed_data(tmp_path: Path) -> None:
    content = bytearray(nifti(tmp_path))
    content[108:112] = np.float32(2**34).tobytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match="begin after 0 lines and 17179869184 bytes, expected"):
        read_volume(tmp_path / "a.nii.gz")
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match="truncated"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize("head", [NRRD, META])
@pytest.mark.parametrize("line", ["k{}:=v\n", "# {}\n", "k{} = v\n"])
def test_millions_of_header_lines(tmp_path: Path, head: str, line: str) -> None:
    path = tmp_path / ("a.nrrd" if head is NRRD else "a.mha")
    lines = "".join(line.format(i) for i in range(1_000_000))
    path.write_text(head.format(sizes="1 1 1", encoding="raw") + lines)
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"the header has more than|not MetaImage"):
        read_volume(path)
    assert time.monotonic() - begin < 5
    path.write_bytes(head.encode() + b"x" * (1 << 26))
    with pytest.raises(InputError):
        read_volume(path)


def test_memory_is_checked_before_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes((NRRD.format(sizes="1000 1000 1000", encoding="raw") + "\n").encode())
    with path.open("r+b") as file:
        file.truncate(10**9 + 200)
    monkeypatch.setattr("amcnet.memory.available_bytes", lambda: 1.5e9)
    with pytest.raises(AmcnetError, match=r"a\.nrrd needs 1\.9 GiB of memory, found 1\.4 GiB free"):
        read_volume(path)
