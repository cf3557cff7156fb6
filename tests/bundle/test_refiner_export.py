import json
from pathlib import Path

import numpy as np
import pytest
import torch

from amcnet.anatomy import hand_label_table
from amcnet.bundle import Provenance, load_bundle
from amcnet.bundle.archive import pack_bundle
from amcnet.bundle.description import REFINER_FILES, REFINER_IR_FILE, RefinerDescription
from amcnet.bundle.formats import export_model
from amcnet.bundle.installed import install_model
from amcnet.bundle.refiner_export import add_refiner, write_refined_bundle
from amcnet.errors import ModelError
from amcnet.inference.openvino_network import OpenVINONetwork
from amcnet.networks.refiner import Refiner
from amcnet.networks.refiner_architecture import RefinerArchitecture


def describe(**changes: object) -> RefinerDescription:
    return RefinerDescription(
        architecture=RefinerArchitecture(kinds=2, widths=(4, 8)),
        kinds=hand_label_table().kinds,
        spacing_mm=(0.6, 0.5, 0.4),
        patch=(16, 16, 24),
        provenance=Provenance(training_data="nothing", configuration={}),
    ).model_copy(update=changes)


def make_network() -> Refiner:
    torch.manual_seed(0)
    network = Refiner(describe().architecture)
    torch.nn.init.normal_(network.head.weight)
    return network


@pytest.fixture(scope="module")
def refined(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refined") / "model"
    write_refined_bundle(folder, load_bundle(small_bundle), make_network(), describe())
    return folder


def test_a_model_keeps_all_it_had(refined: Path, small_bundle: Path) -> None:
    before, after = load_bundle(small_bundle), load_bundle(refined)
    assert set(after.description.sha256) == set(before.description.sha256) | set(REFINER_FILES)
    assert before.description.refiner is None
    rest = {"refiner": None, "sha256": before.description.sha256}
    assert after.description.model_copy(update=rest) == before.description


@pytest.mark.usefixtures("in_float32")
@pytest.mark.parametrize("shape", [(16, 16, 24), (8, 12, 20)])
def test_the_network_gives_what_pytorch_gives(refined: Path, shape: tuple[int, ...]) -> None:
    patch = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    network = make_network().half().float().eval()
    with torch.inference_mode():
        expected = network(torch.from_numpy(patch)[None])[0].numpy()
    found = OpenVINONetwork(load_bundle(refined).path(REFINER_IR_FILE)).logits(patch)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_another_model_gets_the_refiner(refined: Path, other_bundle: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "other"
    shutil.copytree(other_bundle, folder)
    added = add_refiner(folder, load_bundle(refined))
    assert added.description.refiner == load_bundle(refined).description.refiner
    for name, digest in load_bundle(other_bundle).description.sha256.items():
        assert added.description.sha256[name] == digest


def test_a_model_without_one_gives_none(small_bundle: Path, refined: Path) -> None:
    with pytest.raises(ModelError, match="has no refiner"):
        add_refiner(refined, load_bundle(small_bundle))


def test_it_goes_where_the_model_goes(refined: Path, models_home: Path, tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    pack_bundle(refined, archive)
    installed = install_model(archive, "refined")
    assert installed.description == load_bundle(refined).description


def test_openvino_gets_both_networks(refined: Path, tmp_path: Path) -> None:
    export_model(refined, "openvino", tmp_path / "out")
    names = {"model.xml", "model.bin", "refiner.xml", "refiner.bin"}
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == names | {"model.json", "labels.json"}
    described = json.loads((tmp_path / "out" / "model.json").read_text())
    assert set(described["sha256"]) == names
    assert described["refiner"]["kinds"] == ["bone", "epiphysis"]


@pytest.mark.parametrize("name", REFINER_FILES)
def test_a_missing_file_is_named(refined: Path, name: str, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(refined, folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name}: no such file"):
        load_bundle(folder)
    path = folder / "model.json"
    description = json.loads(path.read_text())
    del description["sha256"][name]
    path.write_text(json.dumps(description))
    with pytest.raises(ModelError, match=f"no checksum of {name}"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kinds": ("bone",)}, "for the kinds bone, expected .*bone, epiphysis"),
        (
            {"architecture": RefinerArchitecture(kinds=2, in_channels=2, widths=(4, 8))},
            "takes 2 channels and 2 kinds, expected 1 and 2",
        ),
    ],
)
def test_a_refiner_that_does_not_fit_is_refused(
    small_bundle: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    description = describe(**changes)
    network = Refiner(description.architecture)
    with pytest.raises(ModelError, match=message):
        write_refined_bundle(tmp_path / "model", load_bundle(small_bundle), network, description)
