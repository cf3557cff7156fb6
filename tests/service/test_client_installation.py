"""A client without the packages that segment: an installation of its own."""

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import numpy as np
import pytest

from amcnet.io import Geometry, read_labels, write_image

from .running import AXES, Service

ROOT = Path(__file__).parents[2]
LIST = ROOT / "src/amcnet/service/client/requirements.txt"


def listed() -> list[str]:
    return [line for line in LIST.read_text().splitlines() if line and line[0] != "#"]


def test_the_list_is_a_part_of_the_packages_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(listed()) < set(project["dependencies"])
    assert not {line.partition(">")[0] for line in listed()} & {"openvino", "torch", "SimpleITK"}


def test_the_client_imports_nothing_that_is_not_listed() -> None:
    """What the client imports before it asks the server, and to write what comes."""
    code = (
        "import importlib.metadata as m, sys, amcnet.cli.segment\n"
        "import amcnet.service.client.segment_on_server, amcnet.workflows.segment.manifest\n"
        "import amcnet.workflows.segment.progress_display, amcnet.workflows.segment.events\n"
        "names = m.packages_distributions()\n"
        "tops = {one.partition('.')[0] for one in sys.modules}\n"
        "print(*sorted({one for top in tops for one in names.get(top, [])}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"openvino", "torch", "SimpleITK", "nibabel", "matplotlib", "safetensors", "trimesh"}
    assert heavy & set(done.stdout.split()) == set()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_segmenting_on_a_server_from_such_an_installation(
    tmp_path: Path, plain_bundle: Path, speckle: np.ndarray
) -> None:
    write_image(tmp_path / "a.nrrd", speckle, Geometry.canonical(speckle.shape, (1.2, 1.0, 0.9)))
    venv.create(tmp_path / "client", with_pip=True)
    python = tmp_path / "client/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["--constraint", ROOT / "constraints.txt"]
    subprocess.run([*pip, *constraints, "--requirement", LIST], check=True)
    subprocess.run([*pip, "--no-deps", ROOT], check=True)
    here = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True)
    assert not {"openvino", "torch", "SimpleITK"} & set(here.stdout.split())
    service = Service(tmp_path, plain_bundle)
    try:
        call = [python.with_name("amcnet"), "segment", "--server", service.url, "--axes", AXES]
        outputs = ["-o", tmp_path / "a.seg.nrrd", "--report", tmp_path / "a.html"]
        done = subprocess.run(
            [*call, tmp_path / "a.nrrd", *outputs], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert read_labels(tmp_path / "a.seg.nrrd").array.shape == speckle.shape
        assert (tmp_path / "a.html").is_file()
    finally:
        service.close()
