"""Imports that are never allowed; import-linter checks layers and circles (`make lint`)."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "amcnet"


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def source_files() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


def test_openvino_is_imported_in_one_place_without_its_telemetry() -> None:
    users = [
        path.relative_to(SOURCE).as_posix()
        for path in source_files()
        if re.search(
            r"^\s*(import|from) openvino\b|import_module\(.openvino", path.read_text(), re.M
        )
    ]
    assert users == ["runtime/openvino.py"]
    code = (
        "import sys; from amcnet.runtime.openvino import openvino; openvino();"
        "assert sys.modules['openvino_telemetry'] is None;"
        "assert not any(n.startswith('openvino_telemetry.') for n in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_packages_below_the_workflows_know_no_paths() -> None:
    """They take arrays and dataclasses; io, bundle and the data sets read and write files."""
    below = "anatomy labelmaps networks losses inference metrics measurement mesh quality report"
    users = {
        path.relative_to(SOURCE).as_posix()
        for package in below.split()
        for path in (SOURCE / package).rglob("*.py")
        if "pathlib" in imported_modules(path)
    }
    # A segmenter opens its model, hands names of files to io, and streams probabilities to a file.
    names = "openvino_network probabilities segmentation segmenter sources volume_labelling"
    assert users == {f"inference/{name}.py" for name in names.split()}


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import amcnet", ["numpy", "torch", "SimpleITK", "openvino", "matplotlib", "scipy"]),
        ("import amcnet.cli.main", ["numpy", "torch", "SimpleITK", "openvino", "pydantic"]),
        ("import amcnet.inference", ["pydicom", "highdicom", "gdcm"]),
        (
            "from amcnet.inference import Segmenter\n"
            "from amcnet.runtime.openvino import openvino\nopenvino()",
            ["torch", "monai", "lightning"],
        ),
        ("import amcnet.service.client.segment_on_server", ["openvino", "torch", "starlette"]),
        ("import amcnet.phantom, amcnet.metrics, amcnet.workflows.demo", ["torch", "monai"]),
    ],
)
def test_heavy_packages_stay_out(code: str, absent: list[str]) -> None:
    assert not loaded_by(code) & set(absent)


def test_what_needs_the_extra_says_so_in_one_line() -> None:
    hide = "import sys; sys.modules['torch'] = None\n"
    hide += "import importlib.util; find = importlib.util.find_spec\n"
    hide += "importlib.util.find_spec = lambda n, *a: None if n == 'torch' else find(n, *a)\n"
    for use in (
        "from amcnet.networks import AMCNet",
        "import amcnet.losses",
        "from amcnet.training import train",
    ):
        done = subprocess.run([sys.executable, "-c", hide + use], capture_output=True, text=True)
        last = done.stderr.strip().splitlines()[-1]
        assert "needs the optional part 'train': pip install 'amcnet[train]'" in last


def test_no_source_prints_or_reaches_the_network() -> None:
    forbidden = {"requests", "urllib.request", "http.client", "socket", "ftplib"}
    # The viewer listens on loopback; the service listens, forwards and has a client.
    allowed_in = {
        "viewer/page_server.py": {"socket"},
        "service/http/http_server.py": {"socket"},
        "service/network_addresses.py": {"socket"},
        "service/dicom/stow.py": {"http.client"},
        "service/client/server_connection.py": {"http.client"},
    }
    for path in source_files():
        allowed = allowed_in.get(path.relative_to(SOURCE).as_posix(), set())
        assert not imported_modules(path) & forbidden - allowed, path


def test_run_time_dependencies_have_permissive_licences() -> None:
    permissive = re.compile(r"MIT|BSD|Apache|HPND|PSF|Python Software|MPL|ISC|Unlicense|0BSD")
    copyleft = re.compile(r"\bGPL|LGPL|AGPL|GNU (Lesser|General|Affero)")
    pending, seen = ["amcnet"], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(requirement.name)
    for name in sorted(seen):
        data = importlib.metadata.metadata(name)
        classifiers = [c for c in data.get_all("Classifier") or [] if c.startswith("License")]
        licence = " ".join([data.get("License-Expression") or "", *classifiers])
        licence = licence.strip() or (data.get("License") or "")[:200]
        assert permissive.search(licence), f"{name}: {licence!r}"
        assert not copyleft.search(licence), f"{name}: {licence!r}"
