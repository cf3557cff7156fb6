import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from amcnet import segment
from amcnet.bundle import load_bundle
from amcnet.bundle.bundle_writing import load_network_weights
from amcnet.bundle.description import REFINER_FILES, RefinerDescription
from amcnet.bundle.refiner_export import write_refined_bundle
from amcnet.data.dataset_check import check_dataset
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.networks.refiner import Refiner
from amcnet.networks.refiner_architecture import RefinerArchitecture
from amcnet.training import read_config, train
from amcnet.training.checkpoint_format import read_checkpoint, write_checkpoint
from amcnet.training.setup import PrepareOptions, prepare

from .conftest import SHAPE, SPACING_MM, read_history

WriteConfig = Callable[..., Path]
COMMAND = [sys.executable, "-c", "from amcnet.cli.main import main; main()", "train"]


def losses_of(run: Path) -> list[float]:
    return [row["loss"] for row in read_history(run / "metrics.csv")]


def weights_digest(run: Path) -> str:
    return load_bundle(run / "model").description.sha256["model.safetensors"]


def test_run_learns_and_its_bundle_segments(tmp_path: Path, write_config: WriteConfig) -> None:
    run = tmp_path / "run"
    bundle = train(read_config(write_config(60)), run)
    losses = losses_of(run)
    assert len(losses) == 6
    assert losses[-1] < 0.8 * losses[0]
    rows = read_history(run / "metrics.csv")
    assert rows[-1]["dice"] > rows[0]["dice"]
    assert 0 <= rows[-1]["data_wait"] < 1
    assert (run / "curves.png").stat().st_size > 5000
    assert "step 60 of 60" in (run / "run.log").read_text()
    assert bundle.description.label_table[2].name == "right block"
    provenance = bundle.description.provenance
    assert provenance.steps == 60
    assert [row["step"] for row in provenance.curve] == [10, 20, 30, 40, 50, 60]
    assert provenance.curve[-1]["dice"] == pytest.approx(rows[-1]["dice"], rel=1e-4)
    assert str(tmp_path) not in (run / "model" / "model.json").read_text()
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:16, 5:11, 5:12] = 1
    result = segment((labels * 120 + 30).astype(np.uint8), SPACING_MM, model=run / "model")
    found, truth = result.labels > 0, labels > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7


def test_a_model_knows_what_it_goes_back_to(tmp_path: Path, write_config: WriteConfig) -> None:
    config = read_config(write_config(2))
    first = train(config, tmp_path / "first").description.provenance
    from_it = config.model_copy(update={"start_from": str(tmp_path / "first")})
    second = train(from_it, tmp_path / "second").description.provenance
    assert second.before == first
    assert first.before is None
    assert second.all_hours == pytest.approx(first.hours + second.hours)
    assert str(tmp_path) not in (tmp_path / "second" / "model" / "model.json").read_text()


def test_a_fitting_refiner_is_kept(tmp_path: Path, write_config: WriteConfig) -> None:
    config = read_config(write_config(1))
    first = train(config, tmp_path / "first")
    kinds = first.description.label_table.kinds
    architecture = RefinerArchitecture(kinds=len(kinds), widths=(2, 4))
    network = Refiner(architecture)
    description = RefinerDescription(
        architecture=architecture,
        kinds=kinds,
        spacing_mm=SPACING_MM,
        patch=(8, 8, 8),
        provenance=first.description.provenance,
    )
    refined = write_refined_bundle(tmp_path / "refined", first, network, description)
    from_it = config.model_copy(update={"start_from": str(refined.folder)})
    second = train(from_it, tmp_path / "second")
    assert second.description.refiner == description
    for name in REFINER_FILES:
        assert second.description.sha256[name] == refined.description.sha256[name]


def kill_within_an_epoch(config: Path, run: Path) -> None:
    """Start a run and kill it as soon as it has written a checkpoint in its second epoch."""
    process = subprocess.Popen([*COMMAND, str(config), "-o", str(run)], stderr=subprocess.PIPE)
    last, metrics = run / "checkpoints" / "last.ckpt", run / "metrics.csv"
    while process.poll() is None:
        if metrics.exists() and last.exists():
            first_epoch = metrics.stat().st_mtime_ns
            if last.stat().st_mtime_ns > first_epoch + 100_000_000:
                break
        time.sleep(0.002)
    assert process.poll() is None, process.stderr.read().decode()[-2000:]
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.slow
def test_killed_run_ends_like_the_whole_one(tmp_path: Path, write_config: WriteConfig) -> None:
    config = write_config(30, optimiser="accumulate = 2")
    train(read_config(config), tmp_path / "whole")
    kill_within_an_epoch(config, tmp_path / "killed")
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    resumed_at = read_checkpoint(last)["global_step"]
    train(read_config(config), tmp_path / "killed", resume=True)
    assert 10 <= resumed_at < 30
    assert losses_of(tmp_path / "killed") == losses_of(tmp_path / "whole")
    assert len(losses_of(tmp_path / "whole")) == 3
    assert weights_digest(tmp_path / "killed") == weights_digest(tmp_path / "whole")


def begun_run(config: Path, run: Path) -> subprocess.Popen[str]:
    """Start a run and return when it has a checkpoint."""
    command = [*COMMAND, str(config), "-o", str(run)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (run / "checkpoints" / "last.ckpt").exists() and process.poll() is None:
        time.sleep(0.01)
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("SIGINT", 130),
        pytest.param("SIGTERM", 143, marks=pytest.mark.slow),
        pytest.param("SIGHUP", 129, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_says_how_to_go_on(
    tmp_path: Path, write_config: WriteConfig, name: str, status: int
) -> None:
    run = tmp_path / "run"
    process = begun_run(write_config(5000), run)
    process.send_signal(signal.Signals[name])
    said = process.communicate(timeout=100)[1]
    assert process.returncode == status
    assert f"can be resumed from its last checkpoint: amcnet train {run} --resume" in said
    assert "Traceback" not in said
    step = re.search(r"at step (\d+)", said)[1]
    # The step in work was finished and saved.
    last = read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"]
    assert last in (int(step), int(step) // 10 * 10)


def test_two_runs_do_not_share_a_folder(tmp_path: Path, write_config: WriteConfig) -> None:
    config, run = write_config(5000), tmp_path / "run"
    process = begun_run(config, run)
    try:
        for resume in (True, False):
            with pytest.raises(OutputError, match="run: another training is using this run folder"):
                train(read_config(config), run, resume=resume)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    schedule = read_config(run).schedule.model_copy(update={"steps": 1})
    train(read_config(run).model_copy(update={"schedule": schedule}), run, resume=True)


CLUSTER = {
    "SLURM_NTASKS": "4",
    "SLURM_JOB_ID": "1",
    "SLURM_JOB_NAME": "job",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "3",
    "SLURM_NODEID": "1",
    "WORLD_SIZE": "4",
    "RANK": "2",
    "LOCAL_RANK": "2",
    "MASTER_ADDR": "nowhere",
}


@pytest.mark.slow
def test_the_environment_of_a_cluster_does_not_matter_to_one_process(
    tmp_path: Path, write_config: WriteConfig
) -> None:
    done = subprocess.run(
        [*COMMAND, str(write_config(2)), "-o", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, **CLUSTER},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "the trained model" in done.stdout
    assert "step 2 of 2" in done.stderr


@pytest.mark.slow
def test_two_processes_do_what_one_does_with_accumulated_gradients(
    tmp_path: Path, write_config: WriteConfig
) -> None:
    """The mean gradient of the same windows: over two processes, or over two batches."""
    config = write_config(20)
    command = Path(sys.executable).with_name("amcnet")
    done = subprocess.run(
        [command, "train", config, "-o", tmp_path / "two", "--devices", "2"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("the trained model") == 1
    one = train(read_config(write_config(20, optimiser="accumulate = 2")), tmp_path / "one")
    np.testing.assert_allclose(losses_of(tmp_path / "two"), losses_of(tmp_path / "one"), rtol=1e-3)
    two = load_bundle(tmp_path / "two" / "model")
    assert "2 x" in two.description.provenance.hardware
    weights = [
        torch.cat([value.float().flatten() for value in load_network_weights(bundle).values()])
        for bundle in (one, two)
    ]
    assert (weights[0] - weights[1]).norm() < 0.03 * weights[0].norm()


def test_folders_and_configurations_are_guarded(tmp_path: Path, write_config: WriteConfig) -> None:
    config = read_config(write_config(10))
    with pytest.raises(OutputError, match=r"last\.ckpt: is missing.*a new run starts"):
        train(config, tmp_path / "run", resume=True)
    train(config, tmp_path / "run")
    with pytest.raises(OutputError, match="already holds a run"):
        train(config, tmp_path / "run")
    with pytest.raises(ConfigError, match="differs from the configuration in seed, expected"):
        train(config.model_copy(update={"seed": 9}), tmp_path / "run", resume=True)
    assert read_config(tmp_path / "run") == config
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    for part in (last.read_bytes()[:5000], b""):
        last.write_bytes(part)
        with pytest.raises(InputError, match=r"last\.ckpt: cannot be read"):
            train(config, tmp_path / "run", resume=True)
    write_checkpoint(last, {"state_dict": {}, "global_step": 3})
    with pytest.raises(InputError, match=r"^[^\n]*checkpoint[^\n]*expected[^\n]*$"):
        train(config, tmp_path / "run", resume=True)


def test_best_weights_are_kept_and_a_run_without_progress_ends_early(
    tmp_path: Path, write_config: WriteConfig
) -> None:
    """A learning rate that ruins the network after its first epoch."""
    path = write_config(
        200,
        {"steps_per_epoch = 10": 'steps_per_epoch = 10\npatience = 2\nkeep = "best"'},
    )
    config = read_config(path)
    ruined = config.optimiser.model_copy(update={"learning_rate": 3.0, "warmup_steps": 500})
    train(config.model_copy(update={"optimiser": ruined}), tmp_path / "run")
    rows = read_history(tmp_path / "run" / "metrics.csv")
    best = max(rows, key=lambda row: row["dice"])
    assert len(rows) == best["epoch"] + 3 < 20
    checkpoint = read_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert checkpoint["global_step"] == best["step"]
    kept = load_network_weights(load_bundle(tmp_path / "run" / "model"))
    for name, value in kept.items():
        expected = checkpoint["state_dict"][f"network.{name}"].half()
        torch.testing.assert_close(value.half(), expected, rtol=0, atol=0)


def test_a_moved_run_still_knows_its_best_weights(
    tmp_path: Path, write_config: WriteConfig
) -> None:
    """The weights are ruined after the move: what comes then is no better."""
    config = read_config(write_config(10, {"steps_per_epoch": 'keep = "best"\nsteps_per_epoch'}))
    best = train(config, tmp_path / "run").description.sha256["model.safetensors"]
    shutil.move(tmp_path / "run", tmp_path / "moved")
    checkpoint = tmp_path / "moved" / "checkpoints" / "last.ckpt"
    state = read_checkpoint(checkpoint)
    for name, value in state["state_dict"].items():
        state["state_dict"][name] = torch.zeros_like(value)
    write_checkpoint(checkpoint, state)
    more = config.schedule.model_copy(update={"steps": 11})
    train(config.model_copy(update={"schedule": more}), tmp_path / "moved", resume=True)
    rows = read_history(tmp_path / "moved" / "metrics.csv")
    assert rows[1]["dice"] < rows[0]["dice"]
    assert weights_digest(tmp_path / "moved") == best


def test_time_limit_ends_a_run_with_a_validation(tmp_path: Path, write_config: WriteConfig) -> None:
    path = write_config(100_000, {"steps_per_epoch = 10": "steps_per_epoch = 10000"})
    config = read_config(path)
    schedule = config.schedule.model_copy(update={"max_hours": 15 / 3600})
    began = time.monotonic()
    train(config.model_copy(update={"schedule": schedule}), tmp_path / "run")
    assert time.monotonic() - began < 60
    (row,) = read_history(tmp_path / "run" / "metrics.csv")
    assert 1 <= row["step"] < 10_000
    assert "dice" in row
    assert row["learning_rate"] < 0.001  # decayed in time


def test_all_cases_can_be_trained_on(tmp_path: Path, write_config: WriteConfig) -> None:
    config = read_config(write_config(10, {"[preprocessing]": 'fold = "all"\n[preprocessing]'}))
    train(config, tmp_path / "run")
    assert "4 cases for training, 0 held out" in (tmp_path / "run" / "run.log").read_text()
    (row,) = read_history(tmp_path / "run" / "metrics.csv")
    assert "dice" not in row


def test_a_finished_run_ends_at_once_and_goes_on_when_it_gets_more_steps(
    tmp_path: Path, write_config: WriteConfig
) -> None:
    """It had ended within an epoch; the next one is whole and ends with a validation."""
    run = tmp_path / "run"
    config = read_config(write_config(4, {"steps_per_epoch": "patience = 5\nsteps_per_epoch"}))
    train(config, run)
    rows, weights = read_history(run / "metrics.csv"), weights_digest(run)
    train(config, run, resume=True)
    assert read_history(run / "metrics.csv") == rows
    assert weights_digest(run) == weights
    more = config.schedule.model_copy(update={"steps": 17})
    train(config.model_copy(update={"schedule": more}), run, resume=True)
    rows = read_history(run / "metrics.csv")
    assert [row["step"] for row in rows] == [4, 14, 17]
    assert all(np.isfinite(row["loss"]) and "dice" in row for row in rows)


def test_data_that_were_prepared_anew_are_not_mixed_into_a_run(
    tmp_path: Path, blocks: Path, write_config: WriteConfig
) -> None:
    data = tmp_path / "prepared"
    prepare(check_dataset(blocks), data)
    path = write_config(1, {"[preprocessing]\nspacing_mm = [1.0, 1.5, 1.0]\n": ""})
    config = read_config(path)
    config = config.model_copy(
        update={"data": config.data.model_copy(update={"dataset": data.resolve()})}
    )
    train(config, tmp_path / "run")
    options = PrepareOptions(spacing_mm=(2, 3, 2), seed=1)
    prepare(check_dataset(blocks), data, options)
    with pytest.raises(
        ConfigError, match="held-out cases, preprocessing differ from the start of the run"
    ):
        train(config, tmp_path / "run", resume=True)


def test_a_run_without_time_takes_one_step(tmp_path: Path, write_config: WriteConfig) -> None:
    config = read_config(write_config(10, {"steps = 10": "steps = 10\nmax_hours = 1e-9"}))
    train(config, tmp_path / "run")
    (row,) = read_history(tmp_path / "run" / "metrics.csv")
    assert row["step"] == 1
    assert "dice" in row
