import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amcnet.bundle import BundleDescription, load_bundle
from amcnet.errors import ModelError


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


def test_whole_bundle_loads(small_bundle: Path) -> None:
    bundle = load_bundle(small_bundle)
    assert bundle.description.label_table[38].name == "fifth metacarpal bone"
    assert set(bundle.description.sha256) == {"model.safetensors", "model.xml", "model.bin"}


@pytest.mark.parametrize("name", ["model.safetensors", "model.xml", "model.bin"])
def test_damage_is_found(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name}: is damaged"):
        load_bundle(copy)


def test_missing_file(copy: Path) -> None:
    (copy / "model.bin").unlink()
    with pytest.raises(ModelError, match=r"model\.bin: no such file"):
        load_bundle(copy)


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.json: no such file"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"name": 5}', "no json"])
def test_damaged_description(copy: Path, text: str) -> None:
    (copy / "model.json").write_text(text)
    with pytest.raises(ModelError, match=r"model\.json: ") as caught:
        load_bundle(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["architecture"].update(num_classes=12), "lists 38 structures, expected 11"),
        (lambda d: d["labels"][0].pop("name"), "name"),
        (lambda d: d["labels"][0].update(name=["x"]), "expected text in one line"),
        (lambda d: d["labels"][0].update(name="a\nSegment1_Name:=b"), "expected text in one line"),
        (lambda d: d["labels"][0].update(name="\x1b[31mred"), "expected text in one line"),
        (lambda d: d["labels"][0].update(color_rgb=5), "labels cannot be used"),
        (lambda d: d["sha256"].pop("model.bin"), "has no checksum of model.bin"),
        (lambda d: d["preprocessing"].update(spacing_mm=["inf", 1, 1]), "spacing_mm"),
        (
            lambda d: d["preprocessing"].update(normalisation=["zscore", "zscore"]),
            "lists 2 normalisations, expected one or 1",
        ),
        (lambda d: d["sha256"].update({"../model.bin": "0"}), "lists '../model.bin', expected"),
    ],
)
def test_inconsistent_description(
    copy: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = copy / "model.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))
    with pytest.raises(ModelError, match=message) as caught:
        load_bundle(copy)
    assert "model.json" in str(caught.value)


def test_files_can_be_read_by_others(small_bundle: Path) -> None:
    modes = {path.stat().st_mode for path in small_bundle.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize(("mirrored", "axes"), [(True, ("lateral",)), (False, ())])
def test_a_description_of_an_earlier_version_says_mirrored(
    mirrored: bool, axes: tuple[str, ...]
) -> None:
    values = load_bundle("hand").description.model_dump(mode="json")
    del values["mirror_axes"]
    assert BundleDescription.model_validate(values | {"mirrored": mirrored}).mirror_axes == axes
