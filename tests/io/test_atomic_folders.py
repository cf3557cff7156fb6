from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.io.atomic_folders import new_folder, put_in_place, remove_folder


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
