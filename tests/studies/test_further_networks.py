import pytest
import torch

from amcnet.networks.architecture import Architecture
from amcnet.networks.registry import build_network
from amcnet.paper_tables.scale import read_scale
from studies.further_networks import study, tasks, with_widths


def test_rows_are_trained_like_the_papers_rows() -> None:
    scale = with_widths(read_scale("long"))
    resenc, whole_hand = (scale.training_config(task.row, "prepared") for task in tasks())
    assert resenc.optimiser == whole_hand.optimiser
    assert (resenc.network.name, resenc.network.width) == ("resenc", 8)
    assert whole_hand.network.options["space_to_depth"] == [2, 3, 2]
    assert (resenc.loss.gamma, whole_hand.loss.gamma) == (0.0, 0.5)
    assert {task.row.name for task in tasks()} < set(study().names)


def test_the_residual_encoder_learns_from_every_layer_but_the_coarse_outputs() -> None:
    pytest.importorskip("dynamic_network_architectures")
    network = build_network(Architecture(name="resenc", num_classes=3, width=2))
    image = torch.randn(1, 1, 33, 20, 40)
    logits = network(image)
    assert logits.shape == (1, 3, 33, 20, 40)
    logits.square().mean().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    coarse = tuple(f"core.network.decoder.seg_layers.{stage}." for stage in range(4))
    assert all(name.startswith(coarse) for name in without)
