import pytest
import torch

from amcnet.networks import AMCNet, Architecture, build_network, needs_of
from amcnet.networks.registry import complete


def parameter_count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_paper_network_has_its_size() -> None:
    with torch.device("meta"):
        network = AMCNet()
        output = network(torch.empty(1, 1, 16, 512, 256))
    assert output.shape == (1, 39, 16, 512, 256)
    assert parameter_count(network) == pytest.approx(60.8e6, rel=0.002)


@pytest.mark.parametrize(("width", "millions"), [(8, 0.95), (16, 3.8)])
def test_small_networks_have_the_known_sizes(width: int, millions: float) -> None:
    with torch.device("meta"):
        network = AMCNet(width=width)
    assert parameter_count(network) == pytest.approx(millions * 1e6, rel=0.02)


def test_pools_keep_four_slices_of_sixteen() -> None:
    with torch.device("meta"):
        network = AMCNet(width=2)
        features = torch.empty(1, 1, 16, 64, 32)
        sizes = []
        for stage, pool in zip(network.encoder, network.pools, strict=True):
            features = pool(stage(features))
            sizes.append(tuple(features.shape[2:]))
    assert sizes == [(8, 32, 16), (4, 16, 8), (4, 8, 4), (4, 4, 2)]


@pytest.mark.parametrize(
    "size", [(1, 1, 1), (1, 16, 16), (2, 3, 5), (5, 33, 47), (16, 32, 32), (17, 31, 20)]
)
def test_any_input_size_works(size: tuple[int, int, int]) -> None:
    output = AMCNet(num_classes=3, width=2)(torch.randn(2, 1, *size))
    assert output.shape == (2, 3, *size)
    assert torch.isfinite(output).all()


def test_registry_builds_what_is_described() -> None:
    network = build_network(Architecture(width=4, num_classes=5, branches="3d", in_channels=2))
    assert network(torch.randn(1, 2, 4, 16, 16)).shape == (1, 5, 4, 16, 16)


def test_more_channels_and_deterministic_weights() -> None:
    torch.manual_seed(3)
    first = AMCNet(in_channels=2, num_classes=4, width=2)
    torch.manual_seed(3)
    second = AMCNet(in_channels=2, num_classes=4, width=2)
    image = torch.randn(1, 2, 4, 16, 16)
    assert torch.equal(first(image), second(image))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pool_sizes": [[2, 2, 2], [1, 2, 2]], "space_to_depth": [2, 3, 1]},
        {"pool_sizes": [[1, 1, 1]]},
    ],
)
def test_least_shape_leaves_something_to_pool(settings):
    architecture = Architecture(width=2, num_classes=3, **settings)
    network = build_network(architecture)
    seen = []
    for pool in network.pools:
        pool.register_forward_hook(lambda pool, given, result: seen.append(given[0].shape[2:]))
    network(torch.randn(1, 1, *needs_of(architecture).least_shape))
    assert tuple(seen[-1]) == tuple(complete(architecture).options["pool_sizes"][-1])
