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


# What Slicer gives to an extension's CMake files, as far as lists and names go.
FAKE_SLICER = """
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/nothing.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/nothing.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/nothing.cmake")
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(GIVEN "WITH_GENERIC_TESTS" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(GIVEN_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${GIVEN_UNPARSED_ARGUMENTS}")
  endif()
  file(WRITE "${CMAKE_BINARY_DIR}/${GIVEN_NAME}.txt" "${GIVEN_SCRIPTS};${GIVEN_RESOURCES}")
endmacro()
macro(slicer_add_python_unittest)
  cmake_parse_arguments(GIVEN "" "SCRIPT" "" ${ARGN})
  file(WRITE "${CMAKE_BINARY_DIR}/test.txt" "${GIVEN_SCRIPT}")
endmacro()
"""


@pytest.mark.skipif(
    None in map(shutil.which, ("cmake", "cc", "c++")), reason="needs CMake and a compiler"
)
def test_cmake_takes_the_files_and_all_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "SlicerConfig.cmake").write_text(FAKE_SLICER)
    (tmp_path / "nothing.cmake").write_text("")
    build = tmp_path / "build"
    command = ["cmake", "-S", SLICER, "-B", build, f"-DSlicer_DIR={tmp_path}", "-DBUILD_TESTING=ON"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = (build / f"{MODULE}.txt").read_text().split(";")
    there = [
        path.relative_to(SLICER / MODULE).as_posix()
        for path in (SLICER / MODULE).rglob("*")
        if path.is_file() and path.name != "CMakeLists.txt" and "__pycache__" not in path.parts
    ]
    assert sorted(listed) == sorted(there)
    assert (build / "test.txt").read_text() == f"{MODULE}.py"
