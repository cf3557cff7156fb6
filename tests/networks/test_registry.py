"""What holds for every network of the registry, at small widths."""

from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from amcnet.losses import DiceLoss
from amcnet.networks import Architecture, build_network
from amcnet.networks.any_size import AnySize
from amcnet.networks.network_facts import CATALOGUE, NetworkName
from amcnet.networks.prior import expect_background
from amcnet.networks.registry import PAPER_NETWORKS

SMALL = {
    "unet": {"width": 4},
    "unetplusplus": {"width": 4},
    "swinunet": {"width": 12},
    "unet3d": {"width": 4},
    "vnet": {"width": 4},
    "mnet": {"width": 4},
    "amcnet-2d": {"width": 4, "branches": "2d"},
    "amcnet-3d": {"width": 4, "branches": "3d"},
    "amcnet": {"width": 4},
}
every_network = pytest.mark.parametrize("name", SMALL)


def small(name: str, **changes: object) -> Architecture:
    values = {"name": name.partition("-")[0], "num_classes": 3, **SMALL[name], **changes}
    return Architecture.model_validate(values)


def built(architecture: Architecture, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_network(architecture)


def noise(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape, np.float32))


def test_every_network_is_known_and_tried():
    assert set(CATALOGUE) == set(get_args(NetworkName)) == {n.partition("-")[0] for n in SMALL}
    assert set(PAPER_NETWORKS) == set(SMALL)


@every_network
@pytest.mark.parametrize("size", [(1, 1, 1), (5, 33, 18)])
def test_any_size_channels_and_classes(name, size):
    network = built(small(name, num_classes=5, in_channels=2)).eval()
    with torch.inference_mode():
        logits = network(noise(2, 2, *size))
    assert logits.shape == (2, 5, *size)
    assert torch.isfinite(logits).all()


@every_network
def test_same_seed_same_logits_and_files_bring_them_back(name, tmp_path):
    first, second = built(small(name)).eval(), built(small(name)).eval()
    third = built(small(name), seed=1).eval()
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    image = noise(1, 1, 4, 32, 32)
    with torch.inference_mode():
        expected = first(image)
        assert torch.equal(second(image), expected)
        assert not torch.equal(third(image), expected)
        third.load_state_dict(torch.load(tmp_path / "weights.pt"))
        assert torch.equal(third(image), expected)


@every_network
def test_learns_and_every_parameter_takes_part(name):
    network = built(small(name))
    # A structure on each side, told apart by its grey alone.
    labels = (torch.arange(32) > 15).long().add(1).expand(1, 4, 32, 32).clone()
    labels[:, :, :8] = 0
    image = labels[:, None].float() + 0.1 * noise(1, 1, 4, 32, 32)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for step in range(6):
        supervised = isinstance(network, AnySize) and len(network.core.shares) > 1
        first, *others = network.outputs(image) if supervised else [network(image)]
        loss = DiceLoss()(first, labels) + sum(o.square().mean() for o in others) * 1e-6
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            gradients = [p.grad for p in network.parameters()]
            assert all(g is not None and torch.isfinite(g).all() for g in gradients)
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-2:]) < 0.9 * losses[0]


@pytest.mark.parametrize(
    "name", [name for name in SMALL if CATALOGUE[small(name).name].dimension == "2d"]
)
def test_2d_networks_see_slices_one_by_one(name):
    network = built(small(name)).eval()
    image = noise(1, 1, 3, 32, 32)
    with torch.inference_mode():
        alone = [network(image[:, :, n : n + 1]) for n in range(3)]
        torch.testing.assert_close(network(image), torch.cat(alone, dim=2), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "vnet", "kernel_size": 3}, "found kernel_size, which 'vnet' does not have"),
        ({"name": "mnet", "block": [2, 2, 2], "pools": []}, "found pools, block, which 'mnet'"),
        ({"name": "swinunet", "width": 32}, "found width 32, expected a multiple of 3"),
        ({"name": "vnet", "in_channels": 3}, "found width 16, expected a multiple of in_channels"),
        ({"name": "resnet"}, "'unet', 'unetplusplus'"),
    ],
)
def test_what_a_network_does_not_have_is_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        Architecture.model_validate(values)


@every_network
def test_descriptions_hold_what_the_network_has(name):
    architecture = small(name)
    values = architecture.model_dump(mode="json")
    assert Architecture.model_validate(values) == architecture
    own = {"name", "in_channels", "num_classes", "width"}
    assert (set(values) == own) == (architecture.name != "amcnet")
    width = Architecture(name=architecture.name).width
    assert width == CATALOGUE[architecture.name].width


def test_descriptions_without_a_name_are_amcnet():
    assert Architecture.model_validate({"width": 8, "num_classes": 4}).name == "amcnet"


@every_network
def test_every_network_can_start_with_background(name):
    _starts_with_background(small(name, num_classes=5))


def test_amcnet_on_blocks_can_start_with_background():
    _starts_with_background(small("amcnet", num_classes=5, block=(2, 1, 3)))


def _starts_with_background(architecture: Architecture) -> None:
    network = built(architecture)
    expect_background(network, 0.97, 5)
    image = noise(1, 1, 16, 32, 32)
    outputs = network.outputs(image) if isinstance(network, AnySize) else [network(image)]
    for logits in outputs:
        mean = logits.softmax(dim=1).mean(dim=(0, 2, 3, 4))
        assert 0.9 < mean[0] < 0.99
        assert mean[1:].min() > 0.001  # none is left out
