"""Segmentations as other programs see them; a test is skipped where its program is absent."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.multival import MultiValue

from amcnet import segment
from amcnet.anatomy import hand_label_table
from amcnet.io import read_labels, read_volume, same_grid, write_labels

TABLE = hand_label_table()
TYPES = ["binary", "labelmap"]
CORNERSTONE = Path(__file__).with_name("cornerstone") / "node_modules" / "reader.cjs"
FRAME_ATTRIBUTES = (
    "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Rows", "Columns",
    "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient",
)  # fmt: skip
PLUGINS = Path("/usr/share/orthanc/plugins")
# The verifier in Debian is older than label maps: it knows neither their object nor a background.
LABELMAP_IS_UNKNOWN = ("Information Object Not found", "SegmentNumber not monotonically increasing")


def program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    texts = [str(argument) for argument in arguments]
    return subprocess.run(texts, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(params=["series", "enhanced"])
def source(
    request: pytest.FixtureRequest, dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> Path:
    if request.param == "series":
        return dicom.series(tmp_path / "series", scan)
    return dicom.enhanced(tmp_path / "volume.dcm", scan, [4, 0, 8, 1, 7, 2, 6, 3, 5])


def written(source: Path, path: Path, seg_type: Any) -> np.ndarray:
    """Write a segmentation with structures in all slices but the ends; return what is stored."""
    volume = read_volume(source)
    labels = np.zeros(volume.array.shape, np.uint8)
    rng = np.random.default_rng(2)
    inner = labels[2:-2, 2:-2, 2:-2]
    inner[...] = rng.choice([0, 0, 5, 14, 38], inner.shape)
    write_labels(path, labels, volume.geometry, TABLE, seg_type=seg_type)
    return volume.geometry.from_canonical(labels)


@pytest.mark.parametrize("seg_type", TYPES)
def test_dciodvfy_finds_no_error(source: Path, tmp_path: Path, seg_type: str) -> None:
    verifier = program("dciodvfy")
    written(source, tmp_path / "a.dcm", seg_type)
    lines = run(verifier, tmp_path / "a.dcm").stderr.splitlines()
    allowed = LABELMAP_IS_UNKNOWN if seg_type == "labelmap" else ()
    errors = [line for line in lines if line.startswith("Error")]
    assert not [line for line in errors if not any(text in line for text in allowed)]


@pytest.mark.parametrize("seg_type", TYPES)
def test_dcmtk_reads_the_file(source: Path, tmp_path: Path, seg_type: str) -> None:
    reader = program("dcmdump")
    written(source, tmp_path / "a.dcm", seg_type)
    done = run(reader, tmp_path / "a.dcm")
    assert done.returncode == 0, done.stderr
    assert f"[{seg_type.upper()}" in done.stdout
    decoder = program("dcmdrle")
    if seg_type == "labelmap":
        assert run(decoder, tmp_path / "a.dcm", tmp_path / "b.dcm").returncode == 0
        np.testing.assert_array_equal(
            read_labels(tmp_path / "b.dcm", TABLE).array, read_labels(tmp_path / "a.dcm").array
        )


@pytest.mark.parametrize("seg_type", TYPES)
def test_dcmqi_reads_every_voxel(source: Path, tmp_path: Path, seg_type: str) -> None:
    reader = program("segimage2itkimage")
    stored = written(source, tmp_path / "a.dcm", seg_type)
    out = tmp_path / "out"
    out.mkdir()
    done = run(reader, "--inputDICOM", tmp_path / "a.dcm", "--outputDirectory", out,
               "--outputType", "nrrd", "--prefix", "x")  # fmt: skip
    assert done.returncode == 0, done.stderr
    geometry = read_volume(source).geometry
    found = np.zeros_like(stored)
    for file in sorted(out.glob("x-*.nrrd")):
        image = sitk.ReadImage(str(file))
        assert image.GetSpacing() == pytest.approx(geometry.spacing_mm, rel=1e-4)
        voxels = sitk.GetArrayFromImage(image)
        first = geometry_offset(geometry, image)
        box = tuple(slice(at, at + size) for at, size in zip(first, voxels.shape, strict=True))
        found[box][voxels != 0] = voxels[voxels != 0]
    np.testing.assert_array_equal(found, stored)


def geometry_offset(geometry: Any, image: Any) -> list[int]:
    """Return where an image, which may be cropped, begins in a grid, as (z, y, x)."""
    axes = np.array(geometry.direction).reshape(3, 3)
    exact = axes.T @ (np.array(image.GetOrigin()) - geometry.origin_mm) / geometry.spacing_mm
    np.testing.assert_allclose(exact, np.rint(exact), atol=1e-3)
    return [int(value) for value in np.rint(exact)[::-1]]


@pytest.mark.parametrize("seg_type", TYPES)
def test_cornerstone_reads_every_voxel(
    dicom: SimpleNamespace, tmp_path: Path, seg_type: str
) -> None:
    if not CORNERSTONE.exists():
        pytest.skip(f"{CORNERSTONE} was not built: npm install and npm run build make it")
    # Cornerstone reads no binary segmentation whose frames end within a byte.
    stored = np.random.default_rng(4).integers(0, 255, (9, 16, 12)).astype(np.uint8)
    source = dicom.series(tmp_path / "series", dicom.Scan(stored))
    stored = written(source, tmp_path / "a.dcm", seg_type)
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in source.iterdir()]
    frames = [
        {name: plain(header[name].value) for name in FRAME_ATTRIBUTES}
        for header in sorted(headers, key=lambda header: header.InstanceNumber)
    ]
    (tmp_path / "frames.json").write_text(json.dumps(frames))
    out = tmp_path / "out"
    done = run(program("node"), CORNERSTONE, tmp_path / "a.dcm", tmp_path / "frames.json", out)
    assert done.returncode == 0, done.stderr
    found = np.frombuffer(out.read_bytes(), np.uint8).reshape(stored.shape)
    np.testing.assert_array_equal(found, stored)


def plain(value: Any) -> Any:
    return [float(number) for number in value] if isinstance(value, MultiValue) else value


class Orthanc:
    """A server on the loopback interface, asked with the standard library alone."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def store(self, files: list[Path]) -> Any:
        """Send files by STOW-RS."""
        kind = b"--part\r\nContent-Type: application/dicom\r\n\r\n"
        body = b"".join(kind + file.read_bytes() + b"\r\n" for file in files) + b"--part--\r\n"
        request = urllib.request.Request(
            f"{self.url}/dicom-web/studies", body, method="POST",
            headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=part',
                     "Accept": "application/dicom+json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    server = program("Orthanc")
    plugin = PLUGINS / "libOrthancDicomWeb.so"
    if not plugin.exists():
        pytest.skip("the DICOMweb plugin of Orthanc is not installed")
    with socket.socket() as free, socket.socket() as other:
        free.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = free.getsockname()[1], other.getsockname()[1]
    folder = tmp_path / "orthanc"
    folder.mkdir()
    settings = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "HttpPort": ports[0],
        "DicomPort": ports[1], "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "HttpBindAddresses": ["127.0.0.1"], "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "EnableWado": True}, "DicomServerEnabled": False,
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server, str(folder / "settings.json")], stdout=log, stderr=log)
    running = Orthanc(ports[0])
    try:
        for _ in range(240):
            try:
                running.get("/system")
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None:
                    pytest.fail((folder / "log").read_text(errors="replace")[-2000:])
                time.sleep(0.25)
        yield running
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("seg_type", TYPES)
def test_a_server_takes_source_and_segmentation_and_gives_them_back(
    orthanc: Orthanc,
    dicom: SimpleNamespace,
    small_bundle: Path,
    tmp_path: Path,
    seg_type: Any,
) -> None:
    rng = np.random.default_rng(3)
    stored = rng.integers(0, 255, (24, 40, 36)).astype(np.uint8)
    scan = dicom.Scan(stored, spacing_mm=(0.6, 0.8, 0.5), direction=np.eye(3))
    folder = dicom.series(tmp_path / "scan", scan)
    orthanc.store(sorted(folder.iterdir()))
    (study,) = json.loads(orthanc.get("/studies"))
    pulled = tmp_path / "pulled.zip"
    pulled.write_bytes(orthanc.get(f"/studies/{study}/archive"))
    np.testing.assert_array_equal(read_volume(pulled).array, read_volume(folder).array)

    result = segment(pulled, model=small_bundle)
    result.write(tmp_path / "seg.dcm", seg_type=seg_type)
    answer = orthanc.store([tmp_path / "seg.dcm"])
    uid = pydicom.dcmread(tmp_path / "seg.dcm").SOPInstanceUID
    assert not answer["00081198"].get("Value")  # FailedSOPSequence
    assert answer["00081199"]["Value"][0]["00081155"]["Value"] == [str(uid)]
    found = [
        name
        for name in json.loads(orthanc.get("/instances"))
        if json.loads(orthanc.get(f"/instances/{name}/simplified-tags"))["SOPInstanceUID"] == uid
    ]
    back = tmp_path / "back.dcm"
    back.write_bytes(orthanc.get(f"/instances/{found[0]}/file"))
    labels = read_labels(back, result.table)
    np.testing.assert_array_equal(labels.array, result.labels)
    assert same_grid(labels.geometry, read_volume(folder).geometry) is None
    assert json.loads(orthanc.get("/studies")) == [study]  # the segmentation joined its study
