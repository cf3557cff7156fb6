"""What ``prepare --from`` writes for a model with a refiner can be trained."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from amcnet.bundle import Bundle, Provenance, load_bundle
from amcnet.bundle.description import RefinerDescription
from amcnet.bundle.refiner_export import write_refined_bundle
from amcnet.cli.main import app
from amcnet.data import Preprocessing, check_dataset
from amcnet.networks.refiner import Refiner
from amcnet.networks.refiner_architecture import RefinerArchitecture
from amcnet.training.refinement.refiner_config_reading import read_refinement_config
from amcnet.training.setup import PrepareOptions, prepare

from ...conftest import BLOCKS_SPACING_MM, BLOCKS_TABLE

EARLIER = {
    "patches": {"shape": [8, 8, 8], "damaged_share": 0.25},
    "augmentation": {"mirror_axes": ["lateral"], "noise": 0.3},
}


@pytest.fixture(scope="module")
def refined(make_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """An untrained model of the two blocks with an untrained refiner."""
    model = make_bundle(
        "blocks-to-refine",
        network={"num_classes": BLOCKS_TABLE.num_classes},
        labels=BLOCKS_TABLE.to_dicts(),
        preprocessing=Preprocessing(spacing_mm=BLOCKS_SPACING_MM),
    )
    architecture = RefinerArchitecture(kinds=1, widths=(2, 4))
    description = RefinerDescription(
        architecture=architecture,
        kinds=("structure",),
        spacing_mm=(1.0, 1.5, 1.0),
        patch=(8, 8, 8),
        provenance=Provenance(training_data="nothing", configuration=EARLIER),
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("refined") / "model"
    return write_refined_bundle(folder, load_bundle(model), Refiner(architecture), description)


def test_a_model_with_a_refiner_gets_a_second_configuration(
    refined: Bundle, blocks: Path, tmp_path: Path
) -> None:
    options = PrepareOptions(start_from=str(refined.folder), max_hours=0.5, seed=3)
    preparation = prepare(check_dataset(blocks), tmp_path / "out", options)
    assert preparation.refiner_config == tmp_path / "out" / "refiner.toml"
    assert any("refiner.toml trains only the second stage" in text for text in preparation.reasons)
    config = read_refinement_config(preparation.refiner_config)
    assert config.start_from_refiner
    assert Path(config.refine) == refined.folder.resolve()
    assert config.data.dataset == blocks.resolve()
    assert (config.seed, config.schedule.max_hours, config.widths) == (3, 0.5, (2, 4))
    assert (config.patches.shape, config.patches.damaged_share) == ((8, 8, 8), 0.25)
    assert (config.augmentation.mirror_axes, config.augmentation.noise) == (("lateral",), 0.3)


def test_it_is_trained_with_progress_for_programs(
    refined: Bundle, blocks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amcnet.training.progress_events._LEAST_SECONDS", 0.0)
    out, run = tmp_path / "out", tmp_path / "run"
    prepare(check_dataset(blocks), out, PrepareOptions(start_from=str(refined.folder)))
    path = out / "refiner.toml"
    path.write_text(path.read_text("utf-8").replace("steps = 10000", "steps = 3"), "utf-8")
    done = CliRunner().invoke(app, ["train", str(path), "-o", str(run), "--progress", "json"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    *steps, result = lines
    assert [(line["event"], line["step"], line["steps"]) for line in steps] == [
        ("progress", step, 3) for step in (1, 2, 3)
    ]
    assert all(line["loss"] > 0 for line in steps)
    assert (steps[-1]["fraction"], steps[-1]["seconds_left"]) == (1, 0)
    assert (result["event"], result["steps"]) == ("result", 3)
    trained = load_bundle(result["model"]).description
    assert trained.notice.startswith(refined.description.notice)
    assert trained.notice.endswith("labelled volumes, none of them held out.")
    before, after = refined.description.sha256, trained.sha256
    assert after["model.safetensors"] == before["model.safetensors"]
    assert after["refiner.safetensors"] != before["refiner.safetensors"]


def test_without_a_fitting_refiner_there_is_none(
    refined: Bundle, blocks: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    prepare(check_dataset(blocks), out, PrepareOptions(start_from=str(refined.folder)))
    assert (out / "refiner.toml").exists()
    preparation = prepare(check_dataset(blocks), out)
    assert preparation.refiner_config is None
    assert not (out / "refiner.toml").exists()
