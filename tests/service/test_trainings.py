"""Trainings on a server as users run them: one real service, real commands."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amcnet.bundle import load_bundle

from .running import MAIN, Service

ANNA, BERTA = "anna-token-0123456789", "berta-token-0123456789"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_text(f"anna {ANNA}\nberta {BERTA}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, plain_bundle: Path, tokens: Path
) -> Iterator[Service]:
    options = ("--token-file", str(tokens), "--training", "0.5", "--max-upload", "0.01")
    running = Service(tmp_path_factory.mktemp("service"), plain_bundle, *options)
    yield running
    running.close()


@pytest.fixture
def train(service: Service, tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start ``amcnet train --server`` for Anna."""
    token = tmp_path / "token"
    token.write_text(ANNA)

    def start(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", MAIN, "train", *arguments, "--server", service.url]
        command += ["--token-file", str(token), "--progress", "json"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path)

    return start


def packed(folder: Path, **extra: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.relative_to(folder).as_posix() not in extra:
                archive.write(path, path.relative_to(folder).as_posix())
        for name, text in extra.items():
            archive.writestr(name, text)
    return content.getvalue()


def submit(service: Service, body: bytes, token: str = ANNA, **fields: str) -> Any:
    return service.request(
        "POST", "/trainings", body, token, **{"name": "a", "minutes": "1"} | fields
    )


def test_a_model_is_trained_paused_and_fetched(
    service: Service, blocks: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    run = tmp_path / "run"
    first = train(str(blocks), "-o", str(run), "--max-time", "6s")
    line = json.loads(first.stdout.readline())
    assert line["event"] == "progress", first.stderr.read()
    first.terminate()  # as the panel pauses
    said = first.communicate(timeout=60)[1]
    assert first.returncode == 130
    assert "paused on the server and can be resumed" in said
    assert not (run / "model").exists()
    second = train(str(run), "--resume")
    out, said = second.communicate(timeout=300)
    assert second.returncode == 0, said
    events = [json.loads(text) for text in out.splitlines()]
    assert {event["event"] for event in events[:-1]} == {"progress"}
    assert events[0]["step"] > line["step"]
    assert events[-1]["event"] == "result"
    bundle = load_bundle(run)
    assert [one.name for one in bundle.description.label_table] == ["left block", "right block"]
    assert bundle.description.provenance.started_from.startswith("plain")
    assert bundle.description.provenance.steps == events[-1]["steps"] > line["step"]


def test_others_see_nothing_of_a_training(service: Service, blocks: Path) -> None:
    answer = submit(service, packed(blocks), minutes="29")
    assert answer.status == 201, answer.body
    address = f"/trainings/{answer.json['id']}"
    assert service.get(address, ANNA).json["state"] in ("queued", "running")
    for method, path in (
        ("GET", address),
        ("GET", f"{address}/model"),
        ("POST", f"{address}/pause"),
        ("DELETE", address),
    ):
        assert service.request(method, path, None, BERTA).status == 404
    assert service.get("/trainings", BERTA).json["trainings"] == []
    assert service.request("GET", address).status == 401
    assert service.get(f"{address}/model", ANNA).status == 409
    again = submit(service, packed(blocks), minutes="29")
    assert (again.status, again.json["id"]) == (200, answer.json["id"])
    assert service.request("DELETE", address, None, ANNA).status == 204
    assert service.get(address, ANNA).status == 404


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"dataset.json": "{}", "../outside.nrrd": ""}, "a name that leads outside"),
        ({"other/a.nrrd": ""}, "imagesTr or labelsTr"),
        ({"/a.nrrd": ""}, "imagesTr or labelsTr"),
        ({"imagesTr/deeper/a.nrrd": ""}, "imagesTr or labelsTr"),
        ({"dataset.json": '{"labels": {}, "dataset": {"a": {"images": ["/x"]}}}'}, "lists"),
        ({"dataset.json": '{"labels": {}, "training": []}'}, "lists its files under 'training'"),
        ({"dataset.json": "[]"}, "no 'labels'"),
        ({"dataset.json": "no JSON"}, "dataset.json"),
    ],
)
def test_dangerous_data_sets_are_refused(
    service: Service, blocks: Path, extra: dict[str, str], said: str
) -> None:
    answer = submit(service, packed(blocks, **extra))
    assert (answer.status, said in answer.json["error"]) == (422, True), answer.body
    assert str(service.data) not in answer.body.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"minutes": "31"}, "expected 0.05 to 30"),
        ({"minutes": "nan"}, "expected 0.05 to 30"),
        ({"name": "../a"}, "plain name"),
        ({"colour": "red"}, "expected one of name, minutes"),
    ],
)
def test_fields_are_checked(
    service: Service, blocks: Path, fields: dict[str, str], said: str
) -> None:
    answer = submit(service, packed(blocks), **fields)
    assert answer.status in (400, 422)
    assert said in answer.json["error"]


def test_why_a_training_failed_is_told_without_the_servers_folders(
    service: Service, blocks: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    bad = Path(shutil.copytree(blocks, tmp_path / "bad"))
    for path in (bad / "labelsTr").iterdir():
        path.write_bytes(b"NRRD0004\n")
    process = train(str(bad))
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 2, said
    assert "the training failed on the server: " in said
    assert "labelsTr" in said
    assert str(service.data) not in said


@pytest.mark.slow
def test_a_killed_service_goes_on_with_its_training(
    tmp_path: Path, blocks: Path, plain_bundle: Path
) -> None:
    running = Service(tmp_path, plain_bundle, "--training", "1")
    try:
        answer = running.request("POST", "/trainings", packed(blocks), name="a", minutes="0.2")
        address = f"/trainings/{answer.json['id']}"
        while not (events := running.get(address).json["events"]):
            assert running.get(address).json["state"] in ("queued", "running")
        running.kill()
        running.start()
        while (found := running.get(address).json)["state"] in ("queued", "running"):
            pass
        assert found["state"] == "done", running.log_text()
        assert found["events"][: len(events)] == events
        assert str(running.data) not in json.dumps(found)
        assert running.get(f"{address}/model").body[:2] == b"PK"
    finally:
        running.close()


def test_a_server_that_does_not_train_says_so(
    tmp_path: Path, blocks: Path, plain_bundle: Path
) -> None:
    running = Service(tmp_path, plain_bundle)
    try:
        command = [sys.executable, "-c", MAIN, "train", str(blocks), "--server", running.url]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 2
        assert "does not train models" in done.stderr
        assert running.request("POST", "/trainings", b"PK", name="a", minutes="1").status == 404
    finally:
        running.close()
