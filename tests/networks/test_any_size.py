import pytest
import torch

from amcnet.losses import DiceLoss
from amcnet.networks import Architecture, build_network


@pytest.mark.parametrize("name", ["mnet", "unetplusplus"])
def test_all_outputs_are_trained(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(Architecture(name=name, num_classes=3, width=4))
    labels = torch.randint(3, (1, 8, 30, 32), dtype=torch.uint8)
    supervision = network.supervision(DiceLoss(), stages=False)
    supervision(network, torch.randn(1, 1, 8, 30, 32), labels, 0).backward()
    gradients = [p.grad for p in network.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
