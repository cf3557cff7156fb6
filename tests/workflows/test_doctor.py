"""What `amcnet doctor` finds on a machine that is well, and on some that are not."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from amcnet import __version__
from amcnet.bundle import load_bundle
from amcnet.bundle import locate as where_models_are
from amcnet.bundle.description import IR_FILE
from amcnet.cli.main import app
from amcnet.inference.openvino_network import OpenVINONetwork
from amcnet.networks import build_network
from amcnet.workflows.doctor import Diagnosis, examine, examine_in_turn


def of_topic(findings: tuple[Diagnosis, ...], topic: str) -> dict[str, Diagnosis]:
    return {finding.name: finding for finding in findings if finding.topic == topic}


def test_a_machine_that_is_well(models_home: Path) -> None:
    health = examine(speed=False)
    assert health.is_well
    assert of_topic(health.findings, "version")["amcnet"].value == __version__
    assert of_topic(health.findings, "model")["hand"].value == "complete, 38 structures"
    assert of_topic(health.findings, "optional part")["train"].value == "installed"
    memory = of_topic(health.findings, "machine")["memory"].value
    usual, least = map(float, re.findall(r"(\d\.\d) GiB(?:,| at least)", memory))
    assert 0.5 < least < usual < 2


def test_a_damaged_model_and_too_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models_home: Path
) -> None:
    copy = Path(shutil.copytree(where_models_are.default_bundle_folder(), tmp_path / "hand"))
    with (copy / "model.bin").open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"damaged")
    monkeypatch.setattr(where_models_are, "default_bundle_folder", lambda: copy)
    monkeypatch.setattr("amcnet.memory.available_bytes", lambda: 1e8)
    health = examine(speed=False)
    assert not health.is_well
    assert "model.bin: is damaged" in of_topic(health.findings, "model")["hand"].problem
    assert "0.1 GiB are free" in of_topic(health.findings, "machine")["memory"].problem
    assert health.to_dict()["ok"] is False


def test_a_package_that_does_not_load(monkeypatch: pytest.MonkeyPatch, models_home: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    health = examine(speed=False)
    assert [finding.name for finding in health.findings if finding.problem] == ["nibabel"]


def test_the_command(tmp_path: Path, models_home: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--no-speed", "--json", str(tmp_path / "a.json")])
    assert done.exit_code == 0, done.output
    assert "amcnet segment will work here" in done.stdout
    paths = (sys.executable, tempfile.gettempdir())  # are never broken
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if not line.endswith(paths))
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["ok"] is True
    assert {finding["topic"] for finding in content["findings"]} >= {"version", "model", "machine"}


def test_lines_appear_while_others_are_checked(models_home: Path) -> None:
    """With a backend that takes for ever the first lines are there all the same."""
    slow = (
        "import time, amcnet.workflows.doctor as doctor\n"
        "doctor._backends = lambda starting: time.sleep(600) or iter(())\n"
        "from amcnet.cli.main import main\n"
        "main()\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", slow, "doctor", "--no-speed"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "version\n"
        assert running.stdout.readline().split() == ["amcnet", __version__]
        topics = set()
        while "machine" not in topics:
            topics.add(running.stdout.readline().strip())
        assert running.poll() is None
    finally:
        running.kill()
        running.wait()


def test_what_is_checked_next_is_told_before_it_is(models_home: Path) -> None:
    told: list[str] = []
    for finding in examine_in_turn(speed=False, starting=told.append):
        if finding.name in ("SimpleITK", "openvino"):
            assert told[-1] == finding.name
    assert {"numpy", "openvino", "model hand", "torch"} <= set(told)


def test_operations_are_those_that_pytorch_counts(small_bundle: Path) -> None:
    bundle = load_bundle(small_bundle)
    backend = OpenVINONetwork(bundle.path(IR_FILE))
    shape = (1, 8, 32, 16)
    backend.logits(torch.zeros(shape).numpy())
    network = build_network(bundle.description.architecture)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros((1, *shape)))
    assert backend.operations() == pytest.approx(counter.get_total_flops(), rel=0.01)
