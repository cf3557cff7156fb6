"""The service as its users see it: one process, real requests."""

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amcnet.io import Geometry, read_labels, write_image
from amcnet.version import __version__

from .running import AXES, MAIN, Service

ANNA, BERTA, OPERATOR = "anna-token-0123456789", "berta-token-0123456789", "boss-token-0123456789"
SPACING_MM = (1.2, 1.0, 0.9)
PATIENT = "Doe_John"


def write_scan(path: Path, voxels: np.ndarray) -> Path:
    write_image(path, voxels, Geometry.canonical(voxels.shape, SPACING_MM))
    return path


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory, speckle: np.ndarray) -> Path:
    return write_scan(tmp_path_factory.mktemp("scans") / f"{PATIENT}.nrrd", speckle)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, small_bundle: Path) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    tokens = folder / "tokens"
    tokens.write_text(f"# users\nanna {ANNA}\nberta {BERTA}\noperator {OPERATOR}  # sees all\n")
    tokens.chmod(0o600)
    running = Service(folder, small_bundle, "--token-file", str(tokens), "--max-upload", "0.0002")
    yield running
    running.close()


@pytest.fixture(scope="module")
def done(service: Service, scan: Path) -> str:
    """A job that has ended."""
    answer = service.submit(scan, ANNA, report="true")
    assert answer.status == 201, answer.body
    assert service.wait(answer.json["id"], ANNA)["state"] == "done"
    return answer.json["id"]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, small_bundle: Path, scan: Path) -> Path:
    """What the command writes for the same volume, in every format."""
    folder = tmp_path_factory.mktemp("local")
    code = (
        "from amcnet.workflows import plan_files, segment_files, SegmentOptions\n"
        "from amcnet.io import LABEL_EXTENSIONS\n"
        "from pathlib import Path\n"
        f"scan, out, model = Path({str(scan)!r}), Path({str(folder)!r}), {str(small_bundle)!r}\n"
        f"options = SegmentOptions(models=(model,), axes={AXES!r})\n"
        "for extension in set(LABEL_EXTENSIONS) - {'.dcm'}:\n"
        "    jobs = plan_files([scan], out / f'labels{extension}', options)\n"
        "    assert [o.error for o in segment_files(jobs, options)] == [None]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    return folder


def test_the_root_tells_versions_to_everybody_and_more_to_users(service: Service) -> None:
    stranger = service.get("/").json
    assert (stranger["version"], stranger["protocol"]) == (__version__, 1)
    assert stranger["needs_token"]
    assert "capabilities" not in stranger
    capabilities = service.get("/", ANNA).json["capabilities"]
    assert capabilities["channels"] == 1
    assert len(capabilities["labels"]) == 38
    assert ".nii.gz" in capabilities["formats"]
    assert capabilities["refuses_because"] is None


def test_a_client_of_another_protocol_is_told_both_versions(service: Service) -> None:
    headers = {"Amcnet-Protocol": "7", "Amcnet-Version": "9.9.9"}
    answer = service.request("GET", "/", headers=headers)
    assert answer.status == 400
    assert answer.json["error"] == (
        f"the server speaks protocol 1 (amcnet {__version__}), the client protocol 7 (amcnet "
        "9.9.9): install the same version of amcnet on both"
    )


@pytest.mark.parametrize("token", [None, "", "anna-token-012345678", ANNA + "x", "Bearer"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs"),
        ("GET", "/queue"),
        ("POST", "/jobs"),
        ("GET", "/jobs/0"),
        ("DELETE", "/jobs/0"),
        ("GET", "/jobs/0/labels"),
        ("GET", "/jobs/0/events"),
        ("GET", "/jobs/0/report"),
        ("GET", "/jobs/0/view/"),
        ("POST", "/jobs/0/retry"),
    ],
)
def test_nobody_gets_in_without_a_token(
    service: Service, method: str, path: str, token: str | None
) -> None:
    answer = service.request(method, path, b"x" if method == "POST" else None, token)
    assert answer.status == 401
    assert "needs a token" in answer.json["error"]


@pytest.mark.parametrize("what", ["", "/events", "/labels", "/masks", "/report", "/result",
                                  "/probabilities", "/view/"])  # fmt: skip
@pytest.mark.parametrize("token", [BERTA, OPERATOR])
def test_a_job_is_its_submitters_alone(service: Service, done: str, token: str, what: str) -> None:
    assert service.get(f"/jobs/{done}{what}", token).status == 404
    assert service.request("DELETE", f"/jobs/{done}", None, token).status == 404
    assert done in [job["id"] for job in service.get("/jobs", ANNA).json["jobs"]]
    assert done not in [job["id"] for job in service.get("/jobs", token).json["jobs"]]


def test_the_operator_sees_states_and_no_names(service: Service, done: str) -> None:
    rows = {job["id"]: job for job in service.get("/queue", OPERATOR).json["jobs"]}
    assert rows[done]["state"] == "done"
    assert not rows[done]["readable"]
    assert PATIENT not in json.dumps(rows)
    own = {job["id"]: job for job in service.get("/queue", ANNA).json["jobs"]}
    assert own[done]["name"] == f"{PATIENT}.nrrd"
    assert done not in {job["id"] for job in service.get("/queue", BERTA).json["jobs"]}


@pytest.mark.parametrize("extension", ["seg.nrrd", "nrrd", "nii.gz", "nii", "mha"])
def test_results_are_the_commands_own_bit_by_bit(
    service: Service, done: str, local: Path, extension: str
) -> None:
    answer = service.get(f"/jobs/{done}/labels", ANNA, format=extension)
    assert answer.status == 200, answer.body
    assert answer.body == (local / f"labels.{extension}").read_bytes()


def test_masks_report_and_result(service: Service, done: str, local: Path, tmp_path: Path) -> None:
    labels = read_labels(local / "labels.seg.nrrd").array
    answer = service.get(f"/jobs/{done}/masks", ANNA, format="nrrd")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        archive.extractall(tmp_path)
    masks = [read_labels(path).array for path in tmp_path.iterdir()]
    assert len(masks) == len(np.unique(labels)) - 1
    np.testing.assert_array_equal(sum(masks), labels > 0)
    report = service.get(f"/jobs/{done}/report", ANNA)
    assert report.body.startswith(b"<!doctype html>") or b"<html" in report.body[:200].lower()
    assert "sandbox" in report.headers["Content-Security-Policy"]
    result = service.get(f"/jobs/{done}/result", ANNA).json
    assert (result["event"], result["input"]) == ("result", f"{PATIENT}.nrrd")
    assert result["found"] == len(masks)
    assert len(result["structures"]) == 38
    assert str(service.data) not in json.dumps(result)


def test_events_are_those_of_the_command(service: Service, scan: Path) -> None:
    job = service.submit(scan, ANNA, cleanup="false").json
    events = service.events(job["id"], ANNA)
    assert {event["protocol"] for event in events} == {1}
    kinds = [event["event"] for event in events]
    assert kinds[-1] == "result"
    assert set(kinds) <= {"state", "stage", "progress", "note", "result"}
    stages = [event["stage"] for event in events if event["event"] == "stage"]
    assert stages == [
        stage for stage in ("reading", "running the network", "labelling", "checking", "writing")
        if stage in stages
    ]  # fmt: skip
    assert events[-1] == service.get(f"/jobs/{job['id']}/result", ANNA).json
    assert service.events(job["id"], ANNA)[-1] == events[-1]  # also when it has long ended
    address, odd = f"/jobs/{job['id']}/events", {"Last-Event-ID": "9" * 6000}
    assert service.request("GET", address, None, ANNA, odd).status == 200


def test_the_same_upload_is_one_job(service: Service, scan: Path, done: str) -> None:
    again = service.submit(scan, ANNA, report="true")
    assert (again.status, again.json["id"]) == (200, done)
    other = service.submit(scan, BERTA, report="true")
    assert (other.status, other.json["id"] == done) == (201, False)
    service.wait(other.json["id"], BERTA)
    assert service.request("DELETE", f"/jobs/{other.json['id']}", None, BERTA).status == 204


def test_a_deleted_job_leaves_nothing(service: Service, scan: Path) -> None:
    job = service.submit(scan, ANNA, quality="fast").json["id"]
    service.wait(job, ANNA)
    assert service.request("DELETE", f"/jobs/{job}", None, ANNA).status == 204
    assert service.get(f"/jobs/{job}", ANNA).status == 404
    assert not (service.data / "jobs" / job).exists()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "a.txt"}, "expected one that ends in"),
        ({"name": "../a.nrrd"}, "expected the plain name of a file"),
        ({"name": ".a.nrrd"}, "expected the plain name of a file"),
        ({"name": "a\n.nrrd"}, "expected the plain name of a file"),
        ({"name": "a" * 300 + ".nrrd"}, "expected the plain name of a file"),
        ({"name": "a.nrrd", "quality": "superb"}, "quality: found 'superb', expected"),
        ({"name": "a.nrrd", "size": "red"}, "size: found 'red', expected one of quality"),
        ({"name": "a.nrrd", "colour": "red"}, "found 'red', expected 'luma' or 'refuse'"),
        ({"name": "a.nrrd", "spacing_mm": "1,2"}, "expected three sizes in mm"),
        ({"name": "a.nrrd", "spacing_mm": "1,2,-3"}, "expected three sizes in mm"),
        ({"name": "a.nrrd", "report": "perhaps"}, "expected true or false"),
        ({"name": "a.nrrd", "only": "tail"}, "tail"),
        ({"name": "a.nrrd", "archive": "tar"}, "archive: only 'zip'"),
        ({"name": "a.nrrd", "axes": "bananas"}, "axes: found 'bananas', expected"),
        ({"name": "a.nrrd", "quality": "x" * 20_000}, "quality: found 'xxx"),
        ({}, "expected the name of the volume's file"),
    ],
)
def test_doubtful_fields_are_refused_in_words(
    service: Service, fields: dict, expected: str
) -> None:
    answer = service.request("POST", "/jobs", b"x", ANNA, **fields)
    assert answer.status in (400, 422)
    assert expected in answer.json["error"]
    assert len(answer.json["error"]) <= 1000
    assert list((service.data / "incoming").iterdir()) == []


def test_a_damaged_volume_fails_in_words_without_the_servers_folders(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / f"{PATIENT}.nrrd").write_bytes(b"NRRD0004\nno header")
    job = service.submit(tmp_path / f"{PATIENT}.nrrd", ANNA).json["id"]
    failed = service.wait(job, ANNA)
    assert failed["state"] == "failed"
    assert failed["error"].startswith(f"{PATIENT}.nrrd: ")
    assert str(service.data) not in failed["error"]
    assert service.events(job, ANNA)[-1]["message"] == failed["error"]
    refused = service.get(f"/jobs/{job}/labels", ANNA)
    assert (refused.status, refused.json["error"]) == (409, failed["error"])


def test_uploads_that_are_empty_too_large_or_damaged(service: Service, scan: Path) -> None:
    assert service.request("POST", "/jobs", b"", ANNA, name="a.nrrd").status == 400
    large = b"x" * 300_000
    assert service.request("POST", "/jobs", large, ANNA, name="a.nrrd").status == 413
    chunked = service.request("POST", "/jobs", iter([large[:200_000]] * 2), ANNA, name="a.nrrd")
    assert chunked.status == 413  # no length was announced
    wrong = {"Amcnet-Sha256": hashlib.sha256(b"other").hexdigest()}
    damaged = service.request("POST", "/jobs", scan.read_bytes(), ANNA, wrong, name="a.nrrd")
    assert damaged.status == 400
    assert "SHA-256 differs" in damaged.json["error"]
    assert list((service.data / "incoming").iterdir()) == []


@pytest.mark.parametrize("member", ["../a.nrrd", "/a.nrrd", "f/a.nrrd", ".a.nrrd"])
def test_archives_that_lead_elsewhere_are_refused(service: Service, member: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(member, b"x")
    answer = service.request("POST", "/jobs", packed.getvalue(), ANNA, name="a.nrrd", archive="zip")
    assert answer.status == 422
    assert "archive" in answer.json["error"]


def test_an_archive_bomb_is_refused(service: Service) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.nrrd", b"\0" * 5_000_000)
    answer = service.request("POST", "/jobs", packed.getvalue(), ANNA, name="a.nrrd", archive="zip")
    assert answer.status == 413


def test_a_volume_of_several_files(service: Service, tmp_path: Path, speckle) -> None:
    shape = " ".join(map(str, speckle.shape[::-1]))
    text = (
        f"ObjectType = Image\nNDims = 3\nDimSize = {shape}\nElementSpacing = 0.9 1 1.2\n"
        "ElementType = MET_UCHAR\nElementDataFile = a.raw\n"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.mhd", text)
        archive.writestr("a.raw", speckle.tobytes())
    answer = service.request(
        "POST",
        "/jobs",
        packed.getvalue(),
        ANNA,
        name="a.mhd",
        archive="zip",
        report="false",
        axes=AXES,
    )
    assert answer.status == 201, answer.body
    assert service.wait(answer.json["id"], ANNA)["state"] == "done"


def test_a_page_from_elsewhere_is_refused(service: Service) -> None:
    answer = service.request("GET", "/jobs", None, ANNA, {"Origin": "https://evil.example"})
    assert answer.status == 403


def test_every_address_is_described(service: Service) -> None:
    document = service.get("/openapi.json", ANNA).json
    from amcnet.service.http.http_app import ROUTES

    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert described == {(method, path) for method, path, _ in ROUTES}
    fields = {
        one["name"] for one in document["paths"]["/jobs"]["post"]["parameters"]
        if one["in"] == "query"
    }  # fmt: skip
    from amcnet.service.job_options import JobOptions

    assert fields == {"name", "archive", *JobOptions.model_fields}


def test_the_log_names_no_patient_and_nobody_else_reads_the_files(
    service: Service, done: str
) -> None:
    log = service.log_text()
    assert f"job {done} is done" in log
    assert PATIENT not in log
    if os.name == "posix":
        for path in [service.data, *service.data.rglob("*")]:
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_second_service_cannot_use_the_folder(service: Service, small_bundle: Path) -> None:
    command = [sys.executable, "-c", MAIN, "serve", "--http", "127.0.0.1:0", "--data",
               str(service.data), "--model", str(small_bundle)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "in use by another amcnet serve" in done.stderr


def test_a_full_disk_refuses_new_jobs(
    tmp_path: Path, small_bundle: Path, scan: Path, speckle: np.ndarray
) -> None:
    """With too little space the service refuses; what it accepted before goes on."""
    if shutil.disk_usage(tmp_path).free > 2**60:
        pytest.skip("the disk is too large to be full")
    running = Service(tmp_path, small_bundle)
    job = running.submit(scan).json["id"]
    running.kill()
    running._arguments += ["--reserve", str(2**30)]
    running.start()
    try:
        refused = running.submit(write_scan(tmp_path / "b.nrrd", speckle[:20]))
        assert refused.status == 507
        assert "disk is full" in refused.json["error"]
        assert "disk is full" in running.get("/").json["capabilities"]["refuses_because"]
        assert running.wait(job)["state"] == "done"
        other = running.request("GET", "/", headers={"Host": "evil.example"})
        assert other.status == 403
    finally:
        running.close()
