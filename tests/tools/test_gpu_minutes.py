"""The call that uses a GPU for a few minutes: rehearsed on the CPU, and its parts."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from amcnet.bundle import load_bundle
from amcnet.bundle.formats.network import rebuild_network
from tools.gpu_minutes import __main__ as script
from tools.gpu_minutes.adopt import adopt
from tools.gpu_minutes.plan import FULL, REHEARSAL, Clock
from tools.gpu_minutes.training import train_against_the_clock, write_weights


def test_the_stages_share_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    plan = replace(FULL, seconds=100, shares={"one": 1, "two": 1, "three": 2})
    clock = Clock(plan)
    assert clock.begin("one") == 25
    now[0] = 10  # it needed less
    assert clock.begin("two") == 30
    now[0] = 60  # it took more
    assert clock.begin("three") == 40
    assert clock.left == 40
    now[0] = 130
    assert clock.left == 0


def test_the_shares_are_a_whole() -> None:
    assert sum(FULL.shares.values()) == pytest.approx(1)
    assert FULL.seconds <= 9 * 60
    assert FULL.shares.keys() == REHEARSAL.shares.keys()


def test_training_ends_in_time_and_keeps_weights_on_the_way(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    kept = []
    inputs = torch.randn(64, 3)
    target = inputs @ torch.tensor([[1.0], [-2.0], [0.5]])

    def step(_: int) -> torch.Tensor:
        time.sleep(0.002)
        return nn.functional.mse_loss(network(inputs), target)

    began = time.monotonic()
    run = train_against_the_clock(network, step, 1.0, 0.05, lambda: kept.append(1), 0.2)
    assert time.monotonic() - began < 5
    assert len(kept) > 2
    assert run.losses[-1] < 0.5 * run.losses[0]
    assert run.skipped == 0


def test_a_step_without_finite_gradients_changes_nothing() -> None:
    network = nn.Linear(2, 1)
    before = network.weight.detach().clone()
    run = train_against_the_clock(
        network, lambda _: network.weight.sum() * torch.nan, 0.0, 1.0, lambda: None, 9.0
    )
    assert (run.steps, run.skipped) == (1, 1)
    assert torch.equal(network.weight, before)


def test_weights_are_written_in_16_bits(tmp_path: Path) -> None:
    network = nn.BatchNorm1d(4)
    write_weights(network, tmp_path / "weights.safetensors")
    weights = load_file(tmp_path / "weights.safetensors")
    assert weights["weight"].dtype == torch.float16
    assert weights["num_batches_tracked"].dtype == torch.int64


def test_a_failed_stage_is_recorded_and_the_next_one_goes_on(tmp_path: Path) -> None:
    record = script.Record(tmp_path / "results.json", Clock(FULL))

    def fail() -> None:
        raise RuntimeError("CUDA is out of memory")

    record.attempt("first", fail)
    record.attempt("second", lambda: 2)
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert "out of memory" in found["first"]["failed"]
    assert found["second"] == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main(["--out", str(tmp_path)])
    assert "PyTorch cannot use a GPU" in capsys.readouterr().err


@pytest.mark.slow
def test_the_rehearsal_trains_measures_and_becomes_a_model(tmp_path: Path) -> None:
    """All stages with tiny sizes; the weights make a bundle that loads."""
    out = tmp_path / "results"
    found = script.run(replace(REHEARSAL, seconds=10), out, torch.device("cpu"))
    assert not [name for name, one in found.items() if isinstance(one, dict) and "failed" in one]
    assert json.loads((out / script.RESULTS_FILE).read_text(encoding="utf-8")) == found
    for stage in ("first stage", "refiner", "wide network"):
        assert found[stage]["steps"] >= 1
    assert found["wide network, array to labels"]["seconds"] > 0
    assert len(found["wide network, Dice of unseen hands"]["per_hand"]) == REHEARSAL.unseen
    bundle = adopt(out, tmp_path / "model")
    assert bundle.description.refiner is not None
    trained, bundled = (rebuild_network(one).state_dict() for one in (bundle, load_bundle()))
    assert trained.keys() == bundled.keys()
    assert any(not torch.equal(trained[name], bundled[name]) for name in trained)
