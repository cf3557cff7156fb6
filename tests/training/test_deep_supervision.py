from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from amcnet.bundle import load_bundle
from amcnet.losses import DiceLoss
from amcnet.networks import Architecture, build_network
from amcnet.training import read_config, train
from amcnet.training.deep_supervision import loss_of_all_outputs, nearest
from amcnet.training.windows import Batch

from .conftest import read_history


def test_labels_of_coarser_grids_are_those_at_their_centres() -> None:
    labels = torch.arange(12).view(1, 1, 1, 12)
    assert nearest(labels, torch.Size([1, 1, 4])).flatten().tolist() == [1, 4, 7, 10]
    assert nearest(labels, torch.Size([1, 1, 12])).equal(labels)


@pytest.mark.parametrize("name", ["mnet", "unetplusplus"])
def test_all_outputs_are_trained(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(
        Architecture.model_validate({"name": name, "num_classes": 3, "width": 4})
    )
    labels = torch.randint(3, (1, 8, 30, 32), dtype=torch.uint8)
    batch = Batch(torch.randn(1, 1, 8, 30, 32), labels, torch.tensor([0]))
    loss_of_all_outputs(network, batch, DiceLoss()).backward()
    gradients = [p.grad for p in network.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)


def test_mnet_trains_by_configuration(tmp_path: Path, write_config: Callable[..., Path]) -> None:
    path = write_config(20, {"width = 4": 'name = "mnet"\nwidth = 4'})
    train(read_config(path), tmp_path / "run")
    rows = read_history(tmp_path / "run" / "metrics.csv")
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert load_bundle(tmp_path / "run").description.architecture.name == "mnet"
