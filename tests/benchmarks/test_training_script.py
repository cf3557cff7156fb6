import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_training", FOLDER / "training.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = _script()
TINY = ["--shape", "8", "16", "32", "--classes", "5", "--widths", "2", "--repeat", "1"]
ON_CPU = [*TINY, "--device", "cpu"]


@pytest.mark.parametrize("variant", [*script.WEIGHTS, script.UNET])
def test_loss_of_every_variant_has_a_gradient(variant):
    labels = script.make_labels((4, 16, 32), 5)
    logits = torch.randn(1, 5, 4, 16, 32, requires_grad=True)
    script.make_loss(variant)(logits, labels).backward()
    assert logits.grad.abs().sum() > 0


def test_every_class_has_labels():
    assert script.make_labels((16, 64, 48), 39).unique().tolist() == list(range(39))


def test_memory_of_a_step_is_found():
    size = 2**26
    found = script.measured(lambda: float(bytearray(size)[0]), 2, torch.device("cpu"))
    assert len(found["every_run_seconds"]) == 2
    assert found["peak_bytes"] is None or size <= found["peak_bytes"] < 2 * size


def test_cost_of_the_anatomy_term_is_what_it_adds():
    def figures(seconds, peak):  # the rest of the step takes 16 s
        return {"loss_share": seconds / (16 + seconds), "peak_bytes": peak}

    found = {script.WITH_ANATOMY: figures(4.0, 700), script.WITHOUT: figures(3.0, 400)}
    assert script.anatomy_share(found) == pytest.approx(1 / 20)
    assert script.extra_memory(found, 100) == 3


def test_a_fresh_process_measures_one_variant():
    variant, arguments = script.WITH_ANATOMY, script.parsed(ON_CPU)
    found = script.measure("loss", variant, 2, arguments, logits="float32")
    assert 0 < found["loss_share"] <= 1
    # One map of all classes at least, the gradient, where the system tells.
    assert found["peak_bytes"] is None or found["peak_bytes"] >= 4 * 5 * 8 * 16 * 32


def test_all_variants_of_a_tiny_patch(tmp_path, capsys, monkeypatch):
    def here(part, variant, width, arguments, logits=None):
        # In this process: a dozen of fresh ones would take a minute.
        arguments.logits = logits
        run = script.run_step if part == "step" else script.run_loss
        found = run(variant, arguments)
        seconds, loss = found["every_run_seconds"][0], found["every_run_loss_seconds"][0]
        return {"seconds": seconds, "loss_seconds": loss, "loss_share": loss / seconds, **found}

    monkeypatch.setattr(script, "measure", here)
    path = tmp_path / "training.json"
    script.main([*ON_CPU, "--json", str(path)])
    found = json.loads(path.read_text())["widths"]["2"]
    assert set(found["steps"]) == {*script.WEIGHTS, script.UNET}
    for step in found["steps"].values():
        assert len(step["every_run_seconds"]) == 1
        assert 0 < step["every_run_loss_seconds"][0] < step["every_run_seconds"][0]
        assert step["parameters"] > 0
        # A 1 x 1 x 1 convolution from 2 to 5 classes is the least that AMCNet does.
        assert step["forward_flop"] > 2 * 2 * 5 * 8 * 16 * 32
    text = capsys.readouterr().out
    assert text.count("| AMCNet") == 3
    assert "extra memory with float32 logits" in text
