"""Archives and frames that would take much time or memory are refused at once."""

import shutil
import struct
import time
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pydicom
import pytest

from amcnet.errors import InputError
from amcnet.io import read_volume


@pytest.mark.slow
def test_an_archive_takes_little_more_time_than_a_folder(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    """The directory of an archive was once parsed for every member: quadratic."""
    scan.stored = np.zeros((300, 4, 4), np.uint8)
    folder = dicom.series(tmp_path / "scan", scan)
    for number in range(3000):
        (folder / f"note {number}.txt").write_bytes(b"x")
    archive = Path(shutil.make_archive(str(tmp_path / "scan"), "zip", folder))
    seconds = []
    for path in (folder, archive):
        started = time.process_time()
        read_volume(path)
        seconds.append(time.process_time() - started)
    assert seconds[1] < 4 * seconds[0]  # it was 20 times


@pytest.mark.parametrize("name", ["../outside.dcm", "/etc/x.dcm", "a/../../x.dcm", "c:\\x.dcm"])
def test_member_names_that_lead_outside(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(name, b"content")
    with pytest.raises(InputError, match=r"a\.zip: the name of member .* leads outside"):
        read_volume(archive)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_encrypted_archives(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.dcm", b"content")
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flag in the local header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: is encrypted"):
        read_volume(archive)


def test_an_archive_of_millions_of_members(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    size = 70 << 20
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, size, 0, 0)
    with archive.open("wb") as stream:
        stream.truncate(size)
        stream.seek(0, 2)
        stream.write(end)
    started = time.monotonic()
    with pytest.raises(InputError, match="holds more than 100000 files"):
        read_volume(archive)
    assert time.monotonic() - started < 5


def huge_jpeg_ls(rows: int, columns: int) -> bytes:
    """Return a JPEG-LS frame that states a size, and a little data."""
    size = struct.pack(">HBHHB", 11, 8, rows, columns, 1) + b"\x01\x11\x00"
    scan = struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x00\x00"
    return b"\xff\xd8\xff\xf7" + size + b"\xff\xda" + scan + bytes(1400) + b"\xff\xd9"


def huge_jpeg_2000(rows: int, columns: int) -> bytes:
    size = struct.pack(
        ">HHIIIIIIIIHBBB", 41, 0, columns, rows, 0, 0, columns, rows, 0, 0, 1, 7, 1, 1
    )
    return b"\xff\x4f\xff\x51" + size + bytes(1400) + b"\xff\xd9"


@pytest.mark.parametrize(
    ("frame", "syntax"),
    [
        (huge_jpeg_ls(50_000, 60_000), pydicom.uid.JPEGLSLossless),
        (huge_jpeg_2000(50_000, 60_000), pydicom.uid.JPEG2000Lossless),
        (huge_jpeg_ls(0, 0), pydicom.uid.JPEGLSLossless),
        (b"\xff\xd8 no frame \xff\xd9", pydicom.uid.JPEGLSLossless),
    ],
    ids=["jpeg-ls", "jpeg 2000", "no size", "no frame"],
)
def test_a_small_frame_that_states_a_huge_size(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, frame: bytes, syntax: pydicom.uid.UID
) -> None:
    scan.stored = scan.stored[:2]

    def compress(_: int, dataset: Any) -> None:
        dataset.PixelData = pydicom.encaps.encapsulate([frame])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax

    folder = dicom.series(tmp_path / "scan", scan, compress)
    before = psutil.Process().memory_info().rss
    with pytest.raises(InputError, match=r"its compressed data are of .*, expected 12 x 11 x 1"):
        read_volume(folder)
    assert psutil.Process().memory_info().rss - before < 200 << 20


def deflated(dicom: SimpleNamespace, scan: Any, path: Path, content: bytes | None = None) -> Path:
    """Write a multi-frame image in the deflated transfer syntax, with other content if given."""
    dataset = dicom.dataset(dicom.US_MULTI_FRAME, scan.stored, NumberOfFrames=9)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    if content is not None:
        whole = path.read_bytes()
        end = 144 + int.from_bytes(whole[140:144], "little")
        path.write_bytes(whole[:end] + content)
    return path


def test_deflated_files(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    path = deflated(dicom, scan, tmp_path / "a.dcm")
    volume = read_volume(path, spacing_mm=(1, 1, 1))
    np.testing.assert_array_equal(volume.geometry.from_canonical(volume.array), scan.stored)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"a\.dcm: the file is truncated, expected a whole"):
        read_volume(path)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    with pytest.raises(InputError, match=r"b\.dcm: inflates to more than 200 times its size"):
        read_volume(deflated(dicom, scan, tmp_path / "b.dcm", bomb))


@pytest.mark.parametrize(
    ("uid", "sentence"),
    [
        ("1.3.46.670589.33.1.4.1", "its transfer syntax 1.3.46.670589.33.1.4.1 is private"),
        ("1.2.840.10008.1.2.4.102", r"its transfer syntax is MPEG-4 .* expected uncompressed"),
    ],
)
def test_transfer_syntaxes_that_are_refused(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, uid: str, sentence: str
) -> None:
    path = dicom.enhanced(tmp_path / "a.dcm", scan)
    content = path.read_bytes()
    old = b"UI\x14\x001.2.840.10008.1.2.1\0"
    new = uid.encode() + b"\0" * (len(uid) % 2)
    content = content.replace(old, b"UI" + struct.pack("<H", len(new)) + new, 1)
    start = content.find(b"\x02\x00\x00\x00UL")
    if start >= 0:
        length = int.from_bytes(content[start + 8 : start + 12], "little") + len(new) - 20
        content = content[: start + 8] + struct.pack("<I", length) + content[start + 12 :]
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)
