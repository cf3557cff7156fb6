import shutil
from pathlib import Path

import platformdirs
import pytest

from amcnet.bundle import default_bundle_folder, find_model, install_model, models_folder
from amcnet.errors import ModelError


def test_models_are_kept_with_the_users_data() -> None:
    expected = Path(platformdirs.user_data_dir("amcnet", appauthor=False)) / "models"
    assert models_folder() == expected


def test_nothing_and_hand_are_the_bundled_model(models_home: Path) -> None:
    assert find_model() == find_model("hand") == default_bundle_folder()


def test_folder_run_folder_and_name(
    small_bundle: Path, models_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_model(small_bundle) == small_bundle
    assert find_model(str(small_bundle)) == small_bundle
    shutil.copytree(small_bundle, tmp_path / "run" / "model")
    assert find_model(tmp_path / "run") == tmp_path / "run" / "model"
    installed = install_model(small_bundle, "mine").folder
    assert find_model("mine") == installed
    # A folder of that name counts only if a bundle is in it.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert find_model("mine") == installed
    shutil.copytree(small_bundle, tmp_path / "mine", dirs_exist_ok=True)
    assert find_model("mine") == Path("mine")


def test_neither_folder_nor_name(small_bundle: Path, models_home: Path) -> None:
    install_model(small_bundle, "children")
    message = (
        r"childen: is neither a folder nor .* one of hand, children \(did you mean children\?\)"
    )
    with pytest.raises(ModelError, match=message):
        find_model("childen")
    with pytest.raises(ModelError, match=r"one of hand, children$"):
        find_model("zzz")
