import subprocess
import sys
from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.io.atomic_folders import (
    new_folder,
    put_in_place,
    recover_folders,
    remove_folder,
)


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.mkdir()
    (target / "old").write_text("old")
    with new_folder(target) as folder:
        (folder / "new").write_text("new")
        assert (target / "old").exists()
        put_in_place(folder, target)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "x") as folder:
            (folder / "new").write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_refuses_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="x: could not be written"),
        new_folder(tmp_path / "none" / "x"),
    ):
        pass
    with pytest.raises(OutputError, match="x: could not be removed"):
        remove_folder(tmp_path / "x")


@pytest.mark.parametrize("name", ["x", "modèle-v1.2", "部" * 60])
def test_what_killed_processes_left_is_recovered(tmp_path: Path, name: str) -> None:
    for kind in ("former", "removed", "partial"):
        with new_folder(tmp_path / name) as folder:
            (folder / "old").write_text(kind)
            folder.rename(folder.with_name(folder.name.replace("-partial-", f"-{kind}-")))
    (tmp_path / ".mine").mkdir()
    recover_folders(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", name]
    assert (tmp_path / name / "old").read_text() == "former"
    with new_folder(tmp_path / name) as folder:
        folder.rename(folder.with_name(folder.name.replace("-partial-", "-former-")))
    recover_folders(tmp_path)  # the new one is in place: the former one goes
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", name]
    assert (tmp_path / name / "old").exists()


def test_without_an_exchange_folders_are_replaced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amcnet.io.atomic_folders._exchange_function", lambda: None)
    test_a_folder_takes_the_place_of_another(tmp_path)


def test_of_two_that_may_not_replace_one_wins(tmp_path: Path) -> None:
    target = tmp_path / "masks"
    target.mkdir()  # an empty folder may be filled

    def write(text: str) -> None:
        with new_folder(target) as folder:
            (folder / "a").write_text(text)
            put_in_place(folder, target, overwrite=False)

    write("first")
    with pytest.raises(OutputError, match="masks: was written by another command meanwhile"):
        write("second")
    assert (target / "a").read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_the_next_command_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    code = """
import os, signal, sys
import subprocess
import sys
from pathlib import Path
from amcnet.io.atomic_folders import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    target = tmp_path / "a.b"
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with new_folder(target) as folder:
        put_in_place(folder, target)
    assert list(tmp_path.iterdir()) == [target]
