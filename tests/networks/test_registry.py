"""What holds for every network of the registry, at small widths."""

import numpy as np
import pytest
import torch

from amcnet.bundle import load_bundle
from amcnet.bundle.bundle_writing import load_network_weights
from amcnet.bundle.formats.network import rebuild_network
from amcnet.bundle.former_needs import needs_of_former_bundle
from amcnet.errors import ConfigError
from amcnet.losses import DiceLoss
from amcnet.networks import Architecture, build_network, needs_of, register_network, registry
from amcnet.networks.any_size import AnySize, Core
from amcnet.networks.prior import expect_background
from amcnet.networks.registry import NetworkSpec, complete, find_spec, network_names

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
FORMER = {"pool_sizes": "pools", "space_to_depth": "block", "refinement_channels": "detail"}
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
    modules = {name: registry._find(name).network.__module__ for name in network_names()}
    # Tests of the same process may have imported networks from elsewhere.
    shipped = {name for name, module in modules.items() if module.startswith("amcnet.")}
    assert shipped == {n.partition("-")[0] for n in SMALL}


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
        supervised = isinstance(network, AnySize) and len(network.core.output_weights) > 1
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
    "name", [name for name in SMALL if find_spec(small(name).name).sees == "2d"]
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
        (
            {"name": "vnet", "kernel_size": 3},
            r"network\.kernel_size: Extra inputs are not permitted",
        ),
        ({"name": "mnet", "space_to_depth": [2, 2, 2]}, r"network\.space_to_depth: Extra"),
        ({"name": "swinunet", "width": 32}, "found width 32, expected a multiple of 3"),
        ({"name": "vnet", "in_channels": 3}, "found width 16, expected a multiple of in_channels"),
        ({"name": "resnet"}, "found name 'resnet', expected one of .*'unet', 'unet3d'"),
    ],
)
def test_what_a_network_does_not_have_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build_network(Architecture.model_validate(values))


@every_network
def test_descriptions_hold_what_the_network_has(name):
    architecture = complete(small(name))
    values = architecture.model_dump(mode="json")
    assert Architecture.model_validate(values) == architecture
    own = {"name", "in_channels", "num_classes", "width"}
    assert (set(values) == own) == (architecture.name != "amcnet")
    width = complete(Architecture(name=architecture.name)).width
    assert width == find_spec(architecture.name).width


def test_descriptions_without_a_name_are_amcnet():
    assert Architecture.model_validate({"width": 8, "num_classes": 4}).name == "amcnet"


@every_network
def test_every_network_can_start_with_background(name):
    _starts_with_background(small(name, num_classes=5))


def test_amcnet_on_groups_of_voxels_can_start_with_background():
    _starts_with_background(small("amcnet", num_classes=5, space_to_depth=(2, 1, 3)))


def _starts_with_background(architecture: Architecture) -> None:
    network = built(architecture)
    expect_background(network, 0.97, 5)
    image = noise(1, 1, 16, 32, 32)
    outputs = network.outputs(image) if isinstance(network, AnySize) else [network(image)]
    for logits in outputs:
        mean = logits.softmax(dim=1).mean(dim=(0, 2, 3, 4))
        assert 0.9 < mean[0] < 0.99
        assert mean[1:].min() > 0.001  # none is left out


def test_a_network_of_ones_own_is_registered_in_one_place():
    @register_network(
        NetworkSpec("tiny", "Tiny", "nobody", "here", "3d", 2, 4, 4, divisor=(1, 4, 4))
    )
    class Tiny(Core):
        def __init__(self, in_channels, num_classes, width):
            super().__init__()
            self.head = torch.nn.Conv3d(in_channels, num_classes, 1)

        def forward(self, image):
            assert not any(size % 4 for size in image.shape[3:])
            return self.head(image)

    try:
        architecture = Architecture(name="tiny", num_classes=3)
        assert build_network(architecture)(noise(1, 1, 3, 5, 6)).shape == (1, 3, 3, 5, 6)
        needs = needs_of(architecture)
        assert (needs.divisor, needs.bytes_per_voxel) == ((1, 4, 4), 2 * 4 + 3 * 4)
        assert "tiny" in network_names()
    finally:
        registry._ENTRIES.pop("tiny")


@every_network
def test_needs_of_former_bundles_are_those_of_today(name):
    architecture = complete(small(name))
    former = architecture.model_dump(mode="json")
    for key, old in FORMER.items():
        if key in former:
            former[old] = former.pop(key)
    described = needs_of_former_bundle(Architecture.model_validate(former))
    assert described == needs_of(architecture)


def test_the_bundled_model_loads_by_its_former_names():
    """Its description and its weights are of a time when keys and layers had other names."""
    bundle = load_bundle()
    architecture = bundle.description.architecture
    network = rebuild_network(bundle)
    assert network.architecture.options["refinement_channels"] == 16
    assert bundle.description.network_needs == needs_of(architecture)
    weights = load_network_weights(bundle)
    found = dict(network.state_dict())
    former = {n.replace("refinement.", "detail.").replace("of_groups", "of_blocks") for n in found}
    assert set(weights) <= former | set(found)
    assert len(weights) == len(found)
