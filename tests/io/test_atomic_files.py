import subprocess
import sys
from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.io import atomic_path, check_free, make_folder
from amcnet.io.atomic_files import check_parent


@pytest.mark.parametrize("name", ["hand.seg.nrrd", "hand.nii.gz", "a.b.mha", "plain"])
def test_temporary_keeps_extensions_and_is_renamed(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name != name
        assert temporary.suffixes == target.suffixes
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_nothing_and_keeps_the_old_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "hand.nii.gz"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert [path.name for path in tmp_path.iterdir()] == ["hand.nii.gz"]
    assert target.read_text() == "old"


def test_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"a\.mha: could not be written"),
        atomic_path(tmp_path / "missing" / "a.mha") as temporary,
    ):
        temporary.write_text("x")


def test_what_is_written_when_the_process_is_abandoned_is_removed(tmp_path: Path) -> None:
    code = f"""
import threading
from pathlib import Path
from amcnet.io import atomic_path
from amcnet.io.atomic_files import abandon_temporaries, live_temporary
here = Path({str(tmp_path)!r})
written, go_on = threading.Event(), threading.Event()

def write():
    with live_temporary(here / "folder"), atomic_path(here / "a.nrrd") as temporary:
        (here / "folder").mkdir()
        (here / "folder" / "b.nrrd").write_text("half")
        temporary.write_text("half")
        written.set()
        go_on.wait()
        temporary.write_text("whole")  # native code goes on for a while

thread = threading.Thread(target=write, daemon=True)
thread.start()
written.wait()
before = len(list(here.iterdir()))
abandon_temporaries()
print(before, len(list(here.iterdir())))
go_on.set()
thread.join(0.2)
print(thread.is_alive(), (here / "a.nrrd").exists())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["2", "0", "True", "False"]


@pytest.mark.parametrize(
    "name", ["1." + 240 * "n" + ".nrrd", 61 * "\N{SKULL}" + ".nii.gz", 255 * "n"]
)
def test_names_as_long_as_the_system_takes_them(tmp_path: Path, name: str) -> None:
    with atomic_path(tmp_path / name) as temporary:
        assert temporary.suffix == (tmp_path / name).suffix
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_may_not_be_written_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_parent(tmp_path / "a.nrrd")
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)  # root may write anywhere
    with pytest.raises(OutputError, match=r"a\.nrrd: the folder '.*' is read-only, expected"):
        check_parent(tmp_path / "a.nrrd")
    with pytest.raises(OutputError, match="is read-only"):
        make_folder(tmp_path / "new")
    make_folder(tmp_path)  # nothing to be made


@pytest.mark.parametrize("links", [True, False])
def test_of_two_that_may_not_replace_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:  # as on some network file systems

        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr("os.link", refuse)
    path = tmp_path / "sizes.csv"
    check_free(path)

    def lose() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("second")
            path.write_text("first")  # by another command

    with pytest.raises(OutputError, match=r"sizes\.csv: was written by another command meanwhile"):
        lose()
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
    check_free(path, overwrite=True)
    with atomic_path(path) as temporary:
        temporary.write_text("third")
    assert path.read_text() == "third"


def test_a_command_may_write_its_own_new_file_again(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    check_free(path)
    for text in ("one", "two"):
        with atomic_path(path) as temporary:
            temporary.write_text(text)
    assert path.read_text() == "two"
