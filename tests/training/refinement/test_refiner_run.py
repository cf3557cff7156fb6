import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from amcnet.bundle import load_bundle
from amcnet.bundle.description import REFINER_WEIGHTS_FILE
from amcnet.data import Preprocessing
from amcnet.errors import ConfigError, OutputError
from amcnet.inference import Segmenter
from amcnet.io import read_volume
from amcnet.training.checkpoint_format import read_checkpoint
from amcnet.training.progress_events import TrainingEvent
from amcnet.training.refinement.patches import PatchBatch
from amcnet.training.refinement.refiner_config import RefinementConfig
from amcnet.training.refinement.refiner_config_reading import read_refinement_config
from amcnet.training.refinement.refiner_run import train_refiner
from amcnet.training.refinement.trainer import RefinerTrainer

from ...conftest import BLOCKS_SPACING_MM, BLOCKS_TABLE

CONFIG = """
name = "refine-blocks"
refine = "{model}"
spacing_mm = [1.0, 1.5, 1.0]
widths = [4, 8]
[data]
dataset = "{dataset}"
description = "blocks"
[patches]
shape = [8, 8, 8]
[optimiser]
warmup_steps = 2
batch_size = 2
[schedule]
steps = 4
steps_per_epoch = 2
checkpoint_steps = 1
validation_windows = 2
"""


@pytest.fixture(scope="module")
def blocks_model(make_bundle: Callable[..., Path]) -> Path:
    """An untrained model of the two blocks: no hand, and no kinds either."""
    return make_bundle(
        "blocks-model",
        network={"num_classes": BLOCKS_TABLE.num_classes},
        labels=BLOCKS_TABLE.to_dicts(),
        preprocessing=Preprocessing(spacing_mm=BLOCKS_SPACING_MM),
    )


@pytest.fixture
def config_file(tmp_path: Path, blocks: Path, blocks_model: Path) -> Path:
    path = tmp_path / "refine.toml"
    text = CONFIG.format(model=blocks_model.as_posix(), dataset=blocks.as_posix())
    path.write_text(text, encoding="utf-8")
    return path


def test_a_model_of_any_table_gets_a_refiner(
    config_file: Path, tmp_path: Path, blocks: Path, blocks_model: Path
) -> None:
    from amcnet.cli.main import app

    folder = tmp_path / "run"
    done = CliRunner().invoke(app, ["train", str(config_file), "-o", str(folder)])
    assert done.exit_code == 0, done.output
    bundle = load_bundle(folder)
    refiner = bundle.description.refiner
    assert refiner is not None
    assert refiner.kinds == ("structure",)
    assert refiner.provenance.steps == 4
    assert refiner.provenance.configuration["data"]["dataset"] == blocks.name
    first = load_bundle(blocks_model).description.sha256
    assert {name: bundle.description.sha256[name] for name in first} == first
    assert (folder / "metrics.csv").read_text().count("\n") == 3
    volume = read_volume(blocks / "imagesTr" / "b0_0000.nrrd")
    labels = Segmenter(bundle.folder)(volume, cleanup=False).labels
    assert labels.shape == volume.array.shape
    assert np.isin(labels, [0, 1, 2]).all()


def test_a_run_is_resumed_with_more_steps_but_nothing_else(
    config_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    config = read_refinement_config(config_file)
    with pytest.raises(OutputError, match=r"last\.ckpt: is missing"):
        train_refiner(config, folder, resume=True)
    train_refiner(config, folder)
    with pytest.raises(OutputError, match="already holds a run"):
        train_refiner(config, folder)
    with pytest.raises(ConfigError, match="differs from the configuration in seed"):
        train_refiner(config.model_copy(update={"seed": 5}), folder, resume=True)
    longer = config.schedule.model_copy(update={"steps": 6})
    more: RefinementConfig = config.model_copy(update={"schedule": longer})
    bundle = train_refiner(more, folder, resume=True)
    assert bundle.description.refiner is not None
    assert [row["step"] for row in bundle.description.refiner.provenance.curve] == [2, 4, 6]


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.slow  # a signal that comes too late would end a process that runs other tests
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_an_interrupted_run_says_how_to_go_on(
    config_file: Path, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    take_step = RefinerTrainer._take_step

    def interrupted(trainer: RefinerTrainer, batch: PatchBatch) -> float:
        loss = take_step(trainer, batch)
        if trainer.step == 3:
            os.kill(os.getpid(), signal.Signals[name])
        return loss

    config = read_refinement_config(config_file)
    ends = KeyboardInterrupt if name == "SIGINT" else SystemExit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RefinerTrainer, "_take_step", interrupted)
        with pytest.raises(ends) as caught:
            train_refiner(config, folder)
    if name != "SIGINT":
        assert caught.value.code == 128 + signal.Signals[name]
        step = read_checkpoint(folder / "checkpoints" / "last.ckpt")["step"]
        assert step == 3  # the step in work was finished and saved
    (last,) = [r.message for r in caplog.records if "interrupted" in r.message]
    assert last.endswith(
        f"at step 3; the run can be resumed from its last checkpoint: amcnet train {folder} "
        "--resume"
    )
    bundle = train_refiner(config, folder, resume=True)
    assert bundle.description.refiner is not None
    assert bundle.description.refiner.provenance.steps == 4


def test_another_label_table_is_refused(
    config_file: Path, tmp_path: Path, small_bundle: Path
) -> None:
    config = read_refinement_config(config_file)
    other = config.model_copy(update={"refine": str(small_bundle)})
    with pytest.raises(ConfigError, match=r"has 2 structures, expected .* 38 structures"):
        train_refiner(other, tmp_path / "run")


@pytest.mark.parametrize("option", [["--devices", "2"], ["--from", "hand"], ["--nodes", "2"]])
def test_options_of_other_trainings_are_refused(config_file: Path, option: list[str]) -> None:
    from amcnet.cli.main import app

    done = CliRunner().invoke(app, ["train", str(config_file), *option])
    assert isinstance(done.exception, ConfigError)
    assert option[0] in str(done.exception)


def test_a_refiner_is_trained_further(config_file: Path, tmp_path: Path) -> None:
    config = read_refinement_config(config_file)
    events: list[TrainingEvent] = []
    first = train_refiner(config, tmp_path / "first", listener=events.append)
    assert [event.step for event in events if event.dice is not None] == [2, 4]
    tiny_steps = config.optimiser.model_copy(update={"learning_rate": 1e-9})
    changes = {
        "refine": str(first.folder),
        "start_from_refiner": True,
        "optimiser": tiny_steps,
    }
    second = train_refiner(config.model_copy(update=changes), tmp_path / "second")
    before, after = (load_file(b.path(REFINER_WEIGHTS_FILE)) for b in (first, second))
    for name in set(before) - {"trust"}:  # measured after the training
        np.testing.assert_allclose(after[name], before[name], atol=1e-3)


def test_a_start_that_does_not_fit_is_refused(config_file: Path, tmp_path: Path) -> None:
    config = read_refinement_config(config_file)
    further = config.model_copy(update={"start_from_refiner": True})
    with pytest.raises(ConfigError, match="has no refiner to start from"):
        train_refiner(further, tmp_path / "none")
    first = train_refiner(config, tmp_path / "first")
    wider = {"refine": str(first.folder), "widths": (4, 16)}
    with pytest.raises(ConfigError, match="expected those of the refiner"):
        train_refiner(further.model_copy(update=wider), tmp_path / "wider")
