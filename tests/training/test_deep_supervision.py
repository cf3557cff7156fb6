from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from amcnet.bundle import load_bundle
from amcnet.losses import DiceLoss
from amcnet.networks import Architecture, build_network
from amcnet.training import read_config, train
from amcnet.training.deep_supervision import loss_of_all_outputs, nearest
from amcnet.training.window_datasets import Batch

from .conftest import read_history

SIZES = st.integers(1, 9)


@given(fine=st.tuples(*[st.integers(9, 20)] * 3), coarse=st.tuples(SIZES, SIZES, SIZES))
def test_labels_of_coarser_grids_are_those_of_nearest_exact(
    fine: tuple[int, int, int], coarse: tuple[int, int, int]
) -> None:
    labels = torch.randint(256, (2, *fine), dtype=torch.uint8)
    expected = functional.interpolate(labels[:, None].float(), size=coarse, mode="nearest-exact")
    assert torch.equal(nearest(labels, coarse), expected[:, 0].to(torch.uint8))


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
