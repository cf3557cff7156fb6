import json

import pytest
import torch

from benchmarks import training as script

TINY = ["--shape", "8", "64", "64", "--classes", "5", "--widths", "2", "--repeat", "1"]
ON_CPU = [*TINY, "--device", "cpu"]


@pytest.mark.parametrize("variant", [*script.WEIGHTS, script.UNET])
def test_loss_of_every_variant_has_a_gradient(variant):
    labels = script.make_labels((4, 16, 32), 5)
    logits = torch.randn(1, 5, 4, 16, 32, requires_grad=True)
    script.make_loss(variant)(logits, labels).backward()
    assert logits.grad.abs().sum() > 0


def test_every_class_has_labels():
    assert script.make_labels((16, 64, 48), 39).unique().tolist() == list(range(39))


def test_summary_takes_ratios_within_a_round():
    def one_round(slower, peaks):
        def step(seconds):
            figures = {"parameters": 1, "forward_flop": 1, "peak_bytes": 10}
            return {**figures, "step": seconds * slower, "loss": slower, "dice": slower / 2}

        names = (script.WITH_ANATOMY, script.WITHOUT)
        losses = {name: {"peak_bytes": peak} for name, peak in zip(names, peaks, strict=True)}
        steps = {script.WITH_ANATOMY: step(10), script.UNET: step(5)}
        return {"steps": steps, "losses": dict.fromkeys(script.LOGIT_TYPES, losses)}

    rounds = [one_round(1, (700, 400)), one_round(7, (650, 420)), one_round(2, (900, 100))]
    found = script.summary(rounds, 100)
    ours = found["steps"][script.WITH_ANATOMY]
    assert (ours["seconds"], ours["speed_to_unet"], ours["loss_share"]) == (20, 0.5, 0.1)
    assert found["anatomy_share_of_step"] == pytest.approx(0.05)
    assert found["anatomy_extra_memory_to_float32_logits"]["float32"] == 3
    unknown = script.summary([one_round(1, (None, None))], 100)
    assert unknown["anatomy_extra_memory_to_float32_logits"]["float32"] is None


def test_a_fresh_process_measures_one_variant():
    arguments = script.parsed(ON_CPU)
    found = script.measure("loss", script.WITH_ANATOMY, 2, arguments, logits="float32")
    assert found["loss"] > 0
    # The gradient at least, where the system tells.
    assert found["peak_bytes"] is None or found["peak_bytes"] >= 0.9 * 4 * 5 * 8 * 64 * 64


def test_all_variants_of_a_tiny_patch(tmp_path, capsys, monkeypatch):
    def here(part, variant, width, arguments, logits=None):
        # In this process: eight fresh ones would take a minute.
        arguments.logits = logits
        return (script.run_step if part == "step" else script.run_loss)(variant, arguments)

    monkeypatch.setattr(script, "measure", here)
    path = tmp_path / "training.json"
    script.main([*ON_CPU, "--json", str(path)])
    found = json.loads(path.read_text())["widths"]["2"]
    assert set(found["steps"]) == {*script.WEIGHTS, script.UNET}
    for step in found["steps"].values():
        assert 0 < step["loss_seconds"] < step["seconds"]
        assert step["parameters"] > 0
        # A 1 x 1 x 1 convolution from 2 to 5 classes is the least that a network does.
        assert step["forward_flop"] > 2 * 2 * 5 * 8 * 64 * 64
    text = capsys.readouterr().out
    assert text.count("| AMCNet") == 3
    assert "extra memory with float32 logits" in text
