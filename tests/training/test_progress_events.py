import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.training import read_config, train
from amcnet.training.progress_events import TrainingEvent

from .conftest import read_history


def test_steps_and_validations_are_told(
    tmp_path: Path, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amcnet.training.progress_events._LEAST_SECONDS", 0.0)
    events: list[TrainingEvent] = []
    train(read_config(write_config(20)), tmp_path / "run", listener=events.append)
    steps = [event for event in events if event.loss is not None]
    assert [event.step for event in steps] == list(range(1, 21))
    assert all(event.steps == 20 and math.isfinite(event.loss) for event in steps)
    assert [event.fraction for event in steps] == pytest.approx([n / 20 for n in range(1, 21)])
    assert steps[0].seconds_left is None
    assert steps[-1].seconds_left == 0
    rows = read_history(tmp_path / "run" / "metrics.csv")
    found = {event.step: event.dice for event in events if event.dice is not None}
    assert found == pytest.approx({row["step"]: row["dice"] for row in rows}, abs=1e-6)


def test_the_command_writes_json_lines(tmp_path: Path, write_config: Callable[..., Path]) -> None:
    config, run = write_config(3), tmp_path / "run"
    result = CliRunner().invoke(app, ["train", str(config), "-o", str(run), "--progress", "json"])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["protocol"] for line in lines} == {1}
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    assert lines[-1]["event"] == "result"
    assert lines[-1]["model"] == str(run / "model")
    assert lines[-1]["steps"] == 3
