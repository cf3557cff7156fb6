"""A trained model is calibrated on its held-out cases."""

import shutil
from pathlib import Path

import pytest

from amcnet.bundle import load_bundle
from amcnet.data import read_dataset
from amcnet.data.preparation import prepare_dataset
from amcnet.phantom import PhantomConfig, write_dataset
from amcnet.phantom.grids import PhantomGrid
from amcnet.training import held_out_calibration
from amcnet.training.held_out_calibration import calibrate_on_prepared, calibrate_on_raw
from amcnet.workflows import calibration

GRID = PhantomGrid((61, 52, 26), (2.79, 2.6, 1.76))


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "hands"
    write_dataset(folder, 2, 820_000, PhantomConfig(GRID))
    return folder


@pytest.fixture
def model(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "model"))


def test_held_out_cases_calibrate_a_model(
    hands: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = read_dataset(hands)
    names = [case.name for case in dataset.cases]
    preprocessing = load_bundle(model).description.preprocessing
    prepared = prepare_dataset(dataset, preprocessing, tmp_path / "prepared")
    calibrate_on_prepared(model, prepared, names[:1])  # too few structures
    assert load_bundle(model).description.calibration is None
    for module in (calibration, held_out_calibration):  # an untrained model finds few of them
        monkeypatch.setattr(module, "FEWEST_STRUCTURES", 2)
    calibrate_on_prepared(model, prepared, names)
    from_prepared = load_bundle(model).description.calibration
    assert from_prepared is not None
    assert from_prepared.cases == 2
    calibrate_on_raw(model, dataset, names)
    from_raw = load_bundle(model).description.calibration
    assert from_raw is not None
    assert from_raw.cases == 2
