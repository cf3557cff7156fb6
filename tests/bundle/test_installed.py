import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from amcnet import segment
from amcnet.bundle import default_bundle_folder, install_model, list_models, load_bundle
from amcnet.bundle.installed import remove_model
from amcnet.errors import ModelError, OutputError


def names_in(models: Path) -> list[str]:
    return sorted(path.name for path in models.iterdir())


def test_install_list_use_remove(
    small_bundle: Path, models_home: Path, speckle: np.ndarray
) -> None:
    assert [model.name for model in list_models()] == ["hand"]
    bundle = install_model(small_bundle, "mine.v2")
    assert bundle.folder == models_home / "mine.v2"
    assert [(model.name, model.folder) for model in list_models()] == [
        ("hand", default_bundle_folder()),
        ("mine.v2", bundle.folder),
    ]
    by_name = segment(speckle, (0.5, 0.8, 0.6), model="mine.v2")
    by_folder = segment(speckle, (0.5, 0.8, 0.6), model=small_bundle)
    assert (by_name.labels == by_folder.labels).all()
    remove_model("mine.v2")
    assert names_in(models_home) == []
    with pytest.raises(ModelError, match=r"mine\.v2: is not installed, expected one of hand"):
        remove_model("mine.v2")


def test_only_the_bundles_own_files_are_installed(
    small_bundle: Path, models_home: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_bundle, run / "model")
    (run / "model" / "notes.txt").write_text("mine")
    folder = install_model(run).folder
    assert {path.name for path in folder.iterdir()} == {
        "model.json", "model.safetensors", "model.xml", "model.bin",
    }  # fmt: skip


def test_overwriting_replaces_the_whole_model(
    small_bundle: Path, other_bundle: Path, models_home: Path
) -> None:
    install_model(small_bundle, "mine")
    with pytest.raises(OutputError, match="mine: already exists, use --overwrite"):
        install_model(other_bundle, "mine")
    assert load_bundle("mine").description.name == "small"
    install_model(other_bundle, "mine", overwrite=True)
    assert load_bundle("mine").description.name == "other"
    assert names_in(models_home) == ["mine"]


def test_a_damaged_bundle_replaces_nothing(
    small_bundle: Path, models_home: Path, tmp_path: Path
) -> None:
    install_model(small_bundle)
    damaged = Path(shutil.copytree(small_bundle, tmp_path / "damaged"))
    (damaged / "model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="is damaged"):
        install_model(damaged, "small", overwrite=True)
    assert load_bundle("small").description.name == "small"
    assert names_in(models_home) == ["small"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a.", "NUL", "com1.x", "hand", "HAND"]
)
def test_names_that_cannot_be_used(small_bundle: Path, models_home: Path, name: str) -> None:
    with pytest.raises(ModelError, match="name: "):
        install_model(small_bundle, name)
    assert names_in(models_home) == []


def test_a_model_that_names_itself_badly(
    small_bundle: Path, models_home: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(small_bundle, tmp_path / "copy"))
    text = (bundle / "model.json").read_text()
    (bundle / "model.json").write_text(text.replace('"name": "small"', '"name": "../small"'))
    with pytest.raises(ModelError, match=r"name: found '\.\./small'"):
        install_model(bundle)
    assert install_model(bundle, "small").folder == models_home / "small"


def test_what_cannot_be_installed_or_removed(tmp_path: Path, models_home: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.zip: does not exist"):
        install_model(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(ModelError, match=r"text\.zip: cannot be read"):
        install_model(tmp_path / "text.zip")
    with pytest.raises(ModelError, match="hand: is part of the package"):
        remove_model("hand")


def test_an_unreadable_model_does_not_hide_the_others(
    small_bundle: Path, models_home: Path
) -> None:
    folder = install_model(small_bundle, "broken").folder
    install_model(small_bundle, "whole")
    (folder / "model.json").write_text("{}")
    found = {model.name: model for model in list_models()}
    assert found["broken"].description is None
    assert "model.json" in found["broken"].problem
    assert found["whole"].description is not None


KILL_AT_EVERY_STEP = """
import os, sys
from pathlib import Path
import platformdirs
home, old, new, how = sys.argv[1:]
platformdirs.user_data_path = lambda *_, **__: Path(home)
from amcnet.bundle import install_model, load_bundle
from amcnet.io import atomic_folders

def install_and_die(steps):
    def watch(event, arguments):
        nonlocal steps
        if event in {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "ctypes.call_function"}:
            steps -= 1
            if steps < 0:
                os._exit(9)
    if how == "two renames":
        atomic_folders._exchange = lambda *_: False
    sys.addaudithook(watch)
    install_model(Path(new), "mine", overwrite=True)
    os._exit(0)

status, steps = 9, 0
while status == 9:
    install_model(Path(old), "mine", overwrite=True)
    child = os.fork()
    if not child:
        install_and_die(steps)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [p.name for p in (Path(home) / "models").iterdir()]
    found = load_bundle("mine").description.name
    names = [p.name for p in (Path(home) / "models").iterdir()]
    assert names == ["mine"], names
    print(found, len(left))
    steps += 1
sys.exit(status)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of a process")
@pytest.mark.parametrize("how", ["exchange", "two renames"])
def test_a_killed_installation_leaves_the_old_model_or_the_new_one(
    small_bundle: Path, other_bundle: Path, models_home: Path, how: str
) -> None:
    models_home.mkdir(parents=True)
    folders = [str(models_home.parent), str(small_bundle), str(other_bundle)]
    command = [sys.executable, "-c", KILL_AT_EVERY_STEP, *folders, how]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen, left = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    # Killed early it is the old one, later the new one; some steps left something to mend.
    assert list(seen) == sorted(seen, reverse=True)
    assert set(seen) == {"small", "other"}
    assert "2" in left


def test_two_installations_at_once(
    small_bundle: Path, other_bundle: Path, models_home: Path
) -> None:
    def attempt(source: Path) -> str:
        try:
            return install_model(source, "mine").description.name
        except OutputError as error:
            return f"refused: {error}"

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(attempt, (small_bundle, other_bundle)))
    (loser,) = (result for result in results if "already exists" in result)
    (winner,) = {*results} - {loser}
    assert load_bundle("mine").description.name == winner
    assert names_in(models_home) == ["mine"]


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root writes")
def test_a_read_only_folder_of_models_can_be_read(small_bundle: Path, models_home: Path) -> None:
    install_model(small_bundle, "mine")
    (models_home / ".mine-former-0123456789ab").mkdir()
    models_home.chmod(0o500)
    try:
        assert [model.name for model in list_models()] == ["hand", "mine"]
    finally:
        models_home.chmod(0o700)
