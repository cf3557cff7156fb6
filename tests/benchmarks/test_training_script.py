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


def test_operations_are_those_of_a_convolution():
    layer = torch.nn.Conv3d(2, 7, 3, padding=1, bias=False)
    image = torch.randn(1, 2, 4, 6, 5)
    found = script.measured(lambda: layer(image).sum().backward(), 2, torch.device("cpu"))
    forward = 2 * 2 * 27 * 7 * 4 * 6 * 5
    assert found["flop"] == 2 * forward  # and once more for the weights
    assert len(found["every_run_seconds"]) == 2


def test_cost_of_the_anatomy_term_is_what_it_adds():
    def figures(seconds, peak):
        return {kind: {"seconds": seconds, "peak_bytes": peak} for kind in script.LOGIT_TYPES}

    logits = 4 * 5 * 8 * 16 * 32
    losses = {script.WITH_ANATOMY: figures(3.0, 4 * logits), script.WITHOUT: figures(2.0, logits)}
    cost = script.anatomy_cost(20.0, losses, script.parsed(ON_CPU))
    assert cost["float32"] == {"extra_memory_to_float32_logits": 3.0, "share_of_step": 0.05}


def test_a_fresh_process_measures_one_variant():
    variant, arguments = script.WITH_ANATOMY, script.parsed(ON_CPU)
    found = script.measure("loss", variant, 2, arguments, logits="float32")
    assert found["seconds"] > 0
    # One map of all classes at least, the gradient, where the system tells.
    assert found["peak_bytes"] is None or found["peak_bytes"] >= 4 * 5 * 8 * 16 * 32


def test_all_variants_of_a_tiny_patch(tmp_path, capsys, monkeypatch):
    def here(part, variant, width, arguments, logits=None):
        # In this process: a dozen of fresh ones would take a minute.
        arguments.logits = logits
        run = script.run_step if part == "step" else script.run_loss
        found = run(variant, arguments)
        return {"seconds": found["every_run_seconds"][0], **found}

    monkeypatch.setattr(script, "measure", here)
    path = tmp_path / "training.json"
    script.main([*ON_CPU, "--json", str(path)])
    found = json.loads(path.read_text())["widths"]["2"]
    assert set(found["steps"]) == set(found["losses"]) == {*script.WEIGHTS, script.UNET}
    for step in found["steps"].values():
        assert len(step["every_run_seconds"]) == 1
        assert step["parameters"] > 0
        assert step["flop"] > 0
    text = capsys.readouterr().out
    assert text.count("| AMCNet") == 3
    assert "AC beside Dice, float32 logits" in text
