"""What the Extensions Index asks of the extension."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SLICER = Path(__file__).parents[2] / "slicer"


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SLICER / "check_extension.py", folder]
    return subprocess.run(command, capture_output=True, text=True)


def test_no_rule_is_broken() -> None:
    done = check(SLICER)
    assert done.returncode == 0, done.stdout
    assert "to fill in: HandBoneSegmentation.json: scm_url is empty" in done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SLICER, tmp_path / "slicer"))


MODULE = "HandBoneSegmentation"


def add_script(folder: Path) -> None:
    (folder / MODULE / f"{MODULE}Lib" / "more.py").write_text("")


def drop_icon(folder: Path) -> None:
    (folder / MODULE / "Resources" / "Icons" / f"{MODULE}.png").unlink()


def drop_section(folder: Path) -> None:
    readme = folder / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace("## Tutorial", ""))


def change_entry(folder: Path, **changes: object) -> None:
    entry = folder / f"{MODULE}.json"
    entry.write_text(json.dumps(json.loads(entry.read_text()) | changes))


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (add_script, "does not list HandBoneSegmentationLib/more.py"),
        (drop_icon, "lists Resources/Icons/HandBoneSegmentation.png, which is not there"),
        (drop_section, "has no section 'Tutorial'"),
        (lambda folder: change_entry(folder, tier=2), "tier is 2, expected 1, 3 or 5"),
        (lambda folder: change_entry(folder, licence="MIT"), "has licence, expected one of"),
        (lambda folder: change_entry(folder, tier="3"), "tier is '3', expected int"),
        (lambda folder: change_entry(folder, build_dependencies=["PyTorch"]), "differ from"),
        (lambda folder: change_entry(folder, scm_url="git@host:x"), "expected https://"),
        (lambda folder: (folder / "LICENSE.txt").unlink(), "LICENSE.txt: is missing"),
    ],
)
def test_what_is_broken_is_found(copy: Path, breaking: object, words: str) -> None:
    breaking(copy)
    done = check(copy)
    assert done.returncode == 1
    assert words in done.stdout
