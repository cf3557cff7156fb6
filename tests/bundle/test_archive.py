import io
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from amcnet.bundle import install_model, load_bundle, pack_bundle
from amcnet.errors import ModelError, OutputError

FILES = {"model.json", "model.safetensors", "model.xml", "model.bin"}


@pytest.fixture
def packed(small_bundle: Path, tmp_path: Path) -> Path:
    pack_bundle(small_bundle, tmp_path / "small.zip")
    return tmp_path / "small.zip"


def refuse(archive: Path, models_home: Path, message: str) -> None:
    """Check that nothing of an archive is installed, or left anywhere else."""
    before = set(archive.parent.rglob("*"))
    with pytest.raises(ModelError, match=message) as caught:
        install_model(archive)
    assert "\n" not in str(caught.value)
    assert archive.name in str(caught.value) or "is damaged" in str(caught.value)
    assert list(models_home.iterdir()) == []
    assert set(archive.parent.rglob("*")) - before <= {models_home.parent.parent} | set(
        models_home.parent.parent.rglob("*")
    )


def rewrite(
    archive: Path, change: Callable[[str, bytes], tuple[zipfile.ZipInfo | str, bytes] | None]
) -> None:
    """Write an archive again with its entries changed or dropped."""
    with zipfile.ZipFile(archive) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in entries.items():
            changed = change(name, content)
            if changed is not None:
                new.writestr(*changed)


def test_round_trip(packed: Path, small_bundle: Path, models_home: Path) -> None:
    bundle = install_model(packed)
    assert bundle.folder == models_home / "small"
    assert {path.name for path in bundle.folder.iterdir()} == FILES
    for name in FILES:
        assert (bundle.folder / name).read_bytes() == (small_bundle / name).read_bytes()
    assert load_bundle("small").description == load_bundle(small_bundle).description
    assert [path.name for path in models_home.iterdir()] == ["small"]


def test_same_bytes_every_time(packed: Path, small_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(small_bundle, tmp_path / "later"))
    pack_bundle(copy, tmp_path / "later.zip")
    assert (tmp_path / "later.zip").read_bytes() == packed.read_bytes()


def test_only_files_of_the_bundle_are_packed(small_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(small_bundle, tmp_path / "copy"))
    (copy / "patient.txt").write_text("private")
    pack_bundle(copy, tmp_path / "copy.zip")
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        assert set(archive.namelist()) == FILES


def test_packing_is_refused(small_bundle: Path, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"expected \.zip"):
        pack_bundle(small_bundle, tmp_path / "small.tar")
    with pytest.raises(OutputError, match="already exists, use --overwrite"):
        pack_bundle(small_bundle, packed)
    with pytest.raises(ModelError, match="is neither a folder nor an installed model"):
        pack_bundle(tmp_path / "none", packed, overwrite=True)
    pack_bundle(small_bundle, packed, overwrite=True)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "/tmp/evil.txt",
        "a/../../evil.txt",
        "C:\\evil.txt",
        "a/model.bin",
        "folder/",
    ],
)
def test_foreign_names(packed: Path, models_home: Path, name: str) -> None:
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(name, b"x")
    refuse(packed, models_home, "expected only model.bin, model.json, model.safetensors, model.xml")


@pytest.mark.parametrize("name", ["../model.bin", "/model.bin", "a/model.bin", "", "model.json"])
def test_foreign_names_that_the_description_lists(
    packed: Path, models_home: Path, name: str
) -> None:
    def change(entry: str, content: bytes) -> tuple[str, bytes]:
        if entry != "model.json":
            return entry, content
        return entry, content.replace(b'"sha256": {', f'"sha256": {{"{name}": "0",'.encode())

    rewrite(packed, change)
    refuse(packed, models_home, "expected the name of a file in the same folder")


def test_a_link(packed: Path, models_home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")

    def change(entry: str, content: bytes) -> tuple[zipfile.ZipInfo | str, bytes]:
        if entry != "model.bin":
            return entry, content
        link = zipfile.ZipInfo(entry)
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        return link, str(secret).encode()

    rewrite(packed, change)
    refuse(packed, models_home, "model.bin is a link")


def test_a_wrong_checksum(packed: Path, models_home: Path) -> None:
    rewrite(packed, lambda name, data: (name, data[:-1] if name == "model.bin" else data))
    refuse(packed, models_home, r"model\.bin: is damaged: its SHA-256")


def test_a_missing_file(packed: Path, models_home: Path) -> None:
    rewrite(packed, lambda name, data: None if name == "model.xml" else (name, data))
    refuse(packed, models_home, r"small\.zip: holds no model\.xml")


def test_no_description(packed: Path, models_home: Path) -> None:
    rewrite(packed, lambda name, data: None if name == "model.json" else (name, data))
    refuse(packed, models_home, r"small\.zip: holds no model\.json")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_twice(packed: Path, models_home: Path) -> None:
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("model.bin", b"x")
    refuse(packed, models_home, "holds a file more than once")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_truncated_archive(packed: Path, models_home: Path, share: float) -> None:
    content = packed.read_bytes()
    packed.write_bytes(content[: int(share * len(content))])
    refuse(packed, models_home, "cannot be read .*, expected a complete .zip of a model bundle")


def test_flipped_bytes(packed: Path, models_home: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 255
    packed.write_bytes(content)
    refuse(packed, models_home, "cannot be read|is damaged")


def test_an_archive_that_unfolds(packed: Path, models_home: Path) -> None:
    """What is written is never more than the size that the archive declares."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.bin", bytes(10**7))
    bomb = bytearray(buffer.getvalue())
    # Declare 1000 bytes in the local and in the central header.
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = bomb.index(signature) + offset
        bomb[start : start + 4] = (1000).to_bytes(4, "little")
    from amcnet.bundle import archive as module

    with zipfile.ZipFile(io.BytesIO(bytes(bomb))) as archive:
        entry = archive.infolist()[0]
        assert entry.file_size == 1000
        with pytest.raises(module._UNREADABLE), archive.open(entry) as stream:
            shutil.copyfileobj(stream, io.BytesIO())


def test_too_large(packed: Path, models_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amcnet.bundle.archive._MAX_FILE_BYTES", 1000)
    refuse(packed, models_home, "would have .* bytes, expected no more than 1000")


def test_a_file_of_zeros(packed: Path, models_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amcnet.bundle.archive._FREE_BYTES", 10**6)
    with zipfile.ZipFile(packed) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    files["model.bin"] = bytes(2 * 10**6)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    refuse(packed, models_home, r"model\.bin would unpack from \d+ to 2000000 bytes, expected")


def test_a_list_of_a_million_files(packed: Path, models_home: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed, "a") as archive:
        for number in range(2000):
            archive.writestr(f"{number:04d}{'x' * 100}", "")
    refuse(packed, models_home, "holds more than 100 files")
