"""What a plain installation needs, and what is packed for others."""

import json
import re
import subprocess
import sys
import tarfile
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import amcnet

from .io.dicom.conftest import Scan, write_series

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WITHOUT_HIGHDICOM = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "highdicom" else find(name, *a)
sys.modules["highdicom"] = sys.modules["jpeg_ls"] = None
"""


def pip(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_the_core_installs_from_wheels_alone(version: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = pip(
        "install", "--dry-run", "--ignore-installed", "--target", str(tmp_path / "target"),
        "--python-version", version, "--only-binary", ":all:", "--report", str(report), "--quiet",
        "--retries", "1", "--timeout", "10", *PROJECT["dependencies"],
    )  # fmt: skip
    unreachable = ("NewConnectionError", "ConnectTimeout", "ReadTimeout", "NameResolution")
    if done.returncode and any(word in done.stderr for word in unreachable):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())["install"]
    assert all(item["download_info"]["url"].endswith(".whl") for item in found)
    names = {item["metadata"]["name"].lower() for item in found}
    assert {"numpy", "openvino", "pydicom"} <= names
    assert not {"torch", "highdicom", "pyjpegls"} & names


def test_plain_dicom_is_read_and_other_dicom_refused_without_the_extra(tmp_path: Path) -> None:
    image = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)
    write_series(tmp_path / "series", Scan(image, (0.5, 0.6, 0.7), direction=np.eye(3)))
    code = WITHOUT_HIGHDICOM + (
        "from pathlib import Path\n"
        "import amcnet, amcnet.cli.main\n"
        "from amcnet.errors import MissingExtraError\n"
        "from amcnet.io import LABEL_EXTENSIONS, check_output, read_volume\n"
        f"print(read_volume(Path({str(tmp_path)!r}) / 'series').array.shape)\n"
        "try:\n"
        f"    check_output(Path({str(tmp_path)!r}) / 'x.dcm', extensions=LABEL_EXTENSIONS)\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(5, 6, 7)")
    assert "x.dcm: writing DICOM segmentations needs the optional part 'dicom'" in done.stdout
    assert "pip install 'amcnet[dicom]'" in done.stdout


def test_the_citation_states_the_version_of_the_package() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {amcnet.__version__}\n" in citation
    assert PROJECT["dynamic"] == ["version"]


def test_all_is_every_extra_of_a_user() -> None:
    extras = PROJECT["optional-dependencies"]
    assert extras["all"] == ["amcnet[dicom,train,dask,serve]"]
    assert set(extras) == {
        "all", "dask", "dev", "dicom", "docs", "interop", "serve", "train", "viewer-tests",
    }  # fmt: skip


@pytest.mark.slow
def test_what_is_packed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    code = (
        "import sys; from setuptools import build_meta; out = sys.argv[1]; "  # both change it
        "build_meta.build_sdist(out); build_meta.build_wheel(out)"
    )
    subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    tops = {name.partition("/")[0] for name in names if name} - {"src"}
    assert tops == {
        "CHANGELOG.md", "CITATION.cff", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md",
        "pyproject.toml", "setup.cfg",
    }  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], capture_output=True, text=True
    ).stdout
    for name in (
        "models/hand/model.xml", "anatomy/hand.csv", "paper_tables/settings/rows.toml",
        "viewer/web/index.html", "py.typed",
    ):  # fmt: skip
        assert f"amcnet/{name}" in listed
    assert "tests/" not in listed


def pinned(name: str) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes by normalised name of a file of pinned packages."""
    found: dict[str, tuple[str, int]] = {}
    package = ""
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", line):
            found[package] = (found[package][0], found[package][1] + 1)
        else:
            # Nothing else, such as an option that names another index.
            match = re.fullmatch(r"([\w.-]+)==([\w.]+)( ; [^\\]+)?( \\)?", line)
            assert match, line
            package = canonicalize_name(match[1])
            found[package] = (match[2], 0)
    return found


def test_every_pinned_version_has_hashes() -> None:
    plain, hashed = pinned("constraints.txt"), pinned("constraints-hashes.txt")
    assert {name: version for name, (version, _) in plain.items()} == {
        name: version for name, (version, _) in hashed.items()
    }, "make hashes"
    assert all(count > 0 for _, count in hashed.values())
    assert sum(count for _, count in plain.values()) == 0  # pip would refuse an editable install


def test_the_core_and_all_that_it_needs_have_hashes() -> None:
    plain, hashed = pinned("constraints-hashes.txt"), pinned("requirements-hashes.txt")
    assert hashed.items() <= plain.items(), "make hashes"
    needed, waiting = set(), [Requirement(text) for text in PROJECT["dependencies"]]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in needed or (requirement.marker and not requirement.marker.evaluate()):
            continue
        needed.add(name)
        waiting += map(Requirement, metadata.requires(name) or ())
    assert needed - hashed.keys() == set()
