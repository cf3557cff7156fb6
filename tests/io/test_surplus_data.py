"""Data that go on after the voxels of the header: a shorter volume without a word, if accepted."""

import bz2
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from amcnet.errors import InputError
from amcnet.io import read_volume

SHAPE = (4, 5, 6)  # as the header says
SLICE = 5 * 6
NRRD = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 6 5 4\nspacings: 1 1 1\n"
META = "NDims = 3\nDimSize = 6 5 4\nElementType = MET_UCHAR\nElementSpacing = 1 1 1\n"


def nrrd(path: Path, encoding: str, content: bytes) -> Path:
    path.write_bytes(f"{NRRD}encoding: {encoding}\n\n".encode() + content)
    return path


def nifti(path: Path, content: bytes) -> Path:
    image = nibabel.Nifti1Image(np.zeros((6, 5, 4), np.uint8), np.eye(4))
    whole = image.to_bytes()[: -4 * SLICE] + content
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return path


def detached(path: Path, header: str, content: bytes) -> Path:
    path.with_suffix(".raw").write_bytes(content)
    path.write_text(header)
    return path


def mha(path: Path, content: bytes) -> Path:
    packed = zlib.compress(content)
    size = f"CompressedData = True\nCompressedDataSize = {len(packed)}\n"
    path.write_bytes(f"{META}{size}ElementDataFile = LOCAL\n".encode() + packed)
    return path


WRITERS: dict[str, Callable[[Path, bytes], Path]] = {
    "raw nrrd": lambda folder, content: nrrd(folder / "a.nrrd", "raw", content),
    "gzip nrrd": lambda folder, content: nrrd(folder / "a.nrrd", "gzip", gzip.compress(content)),
    "bzip2 nrrd": lambda folder, content: nrrd(folder / "a.nrrd", "bzip2", bz2.compress(content)),
    "nii": lambda folder, content: nifti(folder / "a.nii", content),
    "nii.gz": lambda folder, content: nifti(folder / "a.nii.gz", content),
    "nhdr": lambda folder, content: detached(
        folder / "a.nhdr", f"{NRRD}encoding: raw\ndata file: a.raw\n", content
    ),
    "mhd": lambda folder, content: detached(
        folder / "a.mhd", f"{META}ElementDataFile = a.raw\n", content
    ),
    "mha": lambda folder, content: mha(folder / "a.mha", content),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_slice_more_than_the_header_declares_is_refused(tmp_path: Path, kind: str) -> None:
    voxels = np.arange(5 * SLICE, dtype=np.uint8)
    path = WRITERS[kind](tmp_path, voxels.tobytes())
    with pytest.raises(
        InputError, match=f"the data continue after the voxels, expected {4 * SLICE}"
    ):
        read_volume(path)


@pytest.mark.parametrize("kind", WRITERS)
def test_padding_behind_the_voxels_is_passed_over(tmp_path: Path, kind: str) -> None:
    voxels = np.arange(4 * SLICE, dtype=np.uint8)
    path = WRITERS[kind](tmp_path, voxels.tobytes() + b"\n" + bytes(SLICE - 2))
    array = read_volume(path, "depth,lateral,scan").array
    np.testing.assert_array_equal(array, voxels.reshape(SHAPE))


def test_numbers_more_than_the_header_declares_are_refused(tmp_path: Path) -> None:
    numbers = " ".join(map(str, range(4 * SLICE)))
    assert read_volume(nrrd(tmp_path / "a.nrrd", "ascii", f"{numbers}\n\n".encode())).array.max()
    for tail in (" 7", "\n7\n", "\n\n 7 8"):
        with pytest.raises(InputError, match="the numbers continue after the voxels, expected 120"):
            read_volume(nrrd(tmp_path / "a.nrrd", "ascii", f"{numbers}{tail}".encode()))


@pytest.mark.parametrize("files", [3, 5, 11])
def test_data_files_hold_whole_slices(tmp_path: Path, files: int) -> None:
    names = [f"s{index}.raw" for index in range(files)]
    for name in names:
        (tmp_path / name).write_bytes(bytes(4 * SLICE))
    (tmp_path / "a.nhdr").write_text(
        f"{NRRD}encoding: raw\ndata file: LIST\n" + "\n".join(names), encoding="utf-8"
    )
    (tmp_path / "a.mhd").write_text(
        f"{META}ElementDataFile = LIST\n" + "\n".join(names), encoding="utf-8"
    )
    for name in ("a.nhdr", "a.mhd"):
        with pytest.raises(InputError, match=f"4 slices are in {files} data files"):
            read_volume(tmp_path / name)


def test_a_data_file_of_a_list_with_two_slices_for_one(tmp_path: Path) -> None:
    for index in range(4):
        (tmp_path / f"s{index}.raw").write_bytes(bytes((1 + (index == 2)) * SLICE))
    pattern = f"{META}ElementDataFile = s%d.raw 0 3 1\n"
    (tmp_path / "a.mhd").write_text(pattern, encoding="utf-8")
    with pytest.raises(InputError, match=r"s2\.raw: the data continue after the voxels"):
        read_volume(tmp_path / "a.mhd")


@pytest.mark.parametrize("num_bytes", [0, 1, SLICE - 1])
def test_the_short_data_file_of_a_list_is_named(tmp_path: Path, num_bytes: int) -> None:
    names = "\n".join(f"s{index}.raw" for index in range(4))
    for index in range(4):
        (tmp_path / f"s{index}.raw").write_bytes(bytes(num_bytes if index == 2 else SLICE))
    for name, header in (
        ("a.nhdr", f"{NRRD}encoding: raw\ndata file: LIST\n{names}"),
        ("a.mhd", f"{META}ElementDataFile = LIST\n{names}"),
        ("b.mhd", f"{META}HeaderSize = -1\nElementDataFile = LIST\n{names}"),
    ):
        (tmp_path / name).write_text(header, encoding="utf-8")
        with pytest.raises(InputError, match=rf"s2\.raw: .*found {num_bytes} bytes.*expected 30"):
            read_volume(tmp_path / name)
