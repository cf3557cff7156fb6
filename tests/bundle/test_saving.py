"""A model from somebody's own training loop."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import amcnet
from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.bundle.bundle import read_description, write_bundle_description
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.bundle.formats.network import rebuild_network
from amcnet.data import Preprocessing
from amcnet.errors import InputError, ModelError, OutputError
from amcnet.inference import Segmenter
from amcnet.io import volume_from_array
from amcnet.networks import Architecture, build_network

TABLE = LabelTable.from_names(["dark", "bright"])
GRID = Preprocessing(spacing_mm=(1, 1, 1))


class Threshold(nn.Module):
    """Class 2 above the mean intensity, class 1 below it; takes multiples of 4 along depth."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[4] % 4 == 0
        return torch.cat((0 * image - 9, -image, image), dim=1)


def test_any_network_becomes_a_model(tmp_path: Path) -> None:
    bundle = amcnet.save_model(
        Threshold(), TABLE, GRID, tmp_path / "mine", window=8, divisor=(1, 1, 4)
    )
    assert (bundle.description.name, bundle.description.licence) == ("mine", "")
    array = np.random.default_rng(0).normal(100, 20, (11, 13, 10)).astype(np.float32)
    volume = volume_from_array(array, (1, 1, 1))
    labels = Segmenter(tmp_path / "mine", backend="openvino")(volume, cleanup=False).labels
    np.testing.assert_array_equal(labels == 2, array > array.mean())
    with pytest.raises(ModelError, match="its network 'own' is not registered"):
        Segmenter(tmp_path / "mine", backend="torch")(volume)


def test_a_network_of_the_registry_keeps_its_description(tmp_path: Path) -> None:
    network = build_network(Architecture(name="unet3d", num_classes=3, width=2))
    amcnet.save_model(network, TABLE, GRID, tmp_path / "model", name="x", licence="CC0-1.0")
    description = load_bundle(tmp_path / "model").description
    assert (description.architecture.name, description.architecture.width) == ("unet3d", 2)
    assert description.network_needs.divisor == (8, 8, 8)
    assert description.licence == "CC0-1.0"


def test_what_cannot_be_saved_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gives \(1, 5, .*expected logits of shape \(1, 3, "):
        amcnet.save_model(nn.Conv3d(1, 5, 1), TABLE, GRID, tmp_path / "a")
    with pytest.raises(InputError, match=r"does not take an image of shape \(1, 1, "):
        amcnet.save_model(nn.Conv3d(2, 3, 1), TABLE, GRID, tmp_path / "a")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"full: (is in use|holds other files)"):
            amcnet.save_model(
                nn.Conv3d(1, 3, 1), TABLE, GRID, tmp_path / "full", overwrite=overwrite
            )


def test_weights_of_another_network_are_refused(small_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "model"))
    description = read_description(folder)
    for width, message in ((2, "does not hold the weights of the network"), (40_000, "describes")):
        other = description.architecture.model_copy(update={"width": width})
        write_bundle_description(folder, description.model_copy(update={"architecture": other}))
        with pytest.raises(ModelError, match=message):
            rebuild_network(load_bundle(folder))


def test_a_failure_while_writing_leaves_the_former_model(
    small_bundle: Path, other_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "model"))
    (folder / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = load_bundle(other_bundle)
    network = rebuild_network(other)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("amcnet.bundle.bundle_writing.write_bundle_description", fail)
        with pytest.raises(OutputError, match="model: could not be written"):
            write_bundle(folder, network, other.description)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    written = write_bundle(folder, network, other.description)
    assert written.description.name == other.description.name
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
