"""Uploads that are damaged, hostile or too much for the disk."""

import io
import random
import zipfile
from pathlib import Path

import anyio
import pytest
from starlette.requests import Request

from amcnet.errors import InputError
from amcnet.service.http.uploads import ArchiveLimits, receive_upload, unpack
from amcnet.service.queue.job_folders import NoRoomError

KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def no_check() -> None:
    """Find room."""


def disk_is_full() -> None:
    raise NoRoomError("the server's disk is full")


def packed(kind: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", kind) as archive:
        archive.writestr("a.nrrd", b"x" * 1000)
        archive.writestr("é.raw", b"y" * 100)
    return content.getvalue()


def extract(folder: Path, content: bytes, check=no_check) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "upload.zip").write_bytes(content)
    unpack(folder / "upload.zip", folder, ArchiveLimits(10_000), check)
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_archives_are_refused_in_words(tmp_path: Path, kind: int) -> None:
    whole, rng = packed(kind), random.Random(kind)
    refused = []
    for number in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        if number % 5 == 0:
            del damaged[rng.randrange(1, len(damaged)) :]
        try:
            extract(tmp_path / str(number), bytes(damaged))
        except InputError as error:
            refused.append(str(error))
        outside = {path.name for path in tmp_path.iterdir()} - {str(n) for n in range(number + 1)}
        assert outside == set()
    assert len(refused) > 50
    assert all(text.startswith("archive: ") for text in refused)
    assert str(tmp_path) not in " ".join(refused)


def test_a_whole_archive_is_unpacked(tmp_path: Path) -> None:
    assert extract(tmp_path, packed(zipfile.ZIP_DEFLATED)) == ["a.nrrd", "é.raw"]


def test_a_full_disk_stops_unpacking(tmp_path: Path) -> None:
    with pytest.raises(NoRoomError):
        extract(tmp_path, packed(zipfile.ZIP_STORED), disk_is_full)


def test_an_upload_of_unknown_length_stops_when_the_disk_is_full(tmp_path: Path) -> None:
    sent = 0

    async def receive() -> dict:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": b"x" * 2**20, "more_body": sent < 1000}

    def check() -> None:
        if sent > 5:
            disk_is_full()

    async def upload() -> None:
        request = Request({"type": "http", "headers": []}, receive)
        await receive_upload(request, tmp_path / "a.nrrd", 2**40, check)

    with pytest.raises(NoRoomError):
        anyio.run(upload)
    assert sent < 10
