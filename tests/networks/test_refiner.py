import pytest
import torch
from pydantic import ValidationError

from amcnet.networks.refiner import Refiner
from amcnet.networks.refiner_architecture import RefinerArchitecture


def patch_of(kinds: int, shape: tuple[int, int, int], channels: int = 1) -> torch.Tensor:
    found = torch.randint(0, kinds + 1, (2, *shape))
    one_hot = torch.stack([found == kind for kind in range(1, kinds + 1)], dim=1)
    return torch.cat((torch.randn(2, channels, *shape), one_hot.float()), dim=1)


@pytest.mark.parametrize("kinds", [1, 2, 4])
def test_untrained_it_returns_what_it_was_given(kinds: int) -> None:
    network = Refiner(RefinerArchitecture(in_channels=2, kinds=kinds, widths=(4, 8)))
    patch = patch_of(kinds, (8, 12, 8), channels=2)
    found = patch[:, 2:]
    expected = torch.where(found.any(dim=1), found.argmax(dim=1) + 1, 0)
    assert torch.equal(network(patch).argmax(dim=1), expected)


def test_contrast_and_brightness_of_the_image_matter_little() -> None:
    torch.manual_seed(0)
    network = Refiner(RefinerArchitecture(kinds=2, widths=(8, 16))).eval()
    torch.nn.init.normal_(network.head.weight)
    patch = patch_of(2, (16, 16, 16))
    brighter = patch.clone()
    brighter[:, :1] = 1.1 * brighter[:, :1] + 0.1
    first, second = network(patch).argmax(dim=1), network(brighter).argmax(dim=1)
    assert (first == second).float().mean() > 0.85


def test_every_parameter_learns() -> None:
    network = Refiner(RefinerArchitecture(kinds=2))
    torch.nn.init.normal_(network.head.weight)
    network(patch_of(2, (8, 8, 8))).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_default_takes_less_than_100_kflop_a_voxel() -> None:
    network = Refiner(RefinerArchitecture(kinds=2))
    operations = 0

    def count(
        layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> None:
        nonlocal operations
        weight = layer.weight
        transposed = isinstance(layer, torch.nn.ConvTranspose3d)
        # Each weight is used once for every voxel of the coarser side.
        voxels = (inputs[0] if transposed else output)[0, 0].numel()
        operations += 2 * weight.numel() * voxels

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv3d | torch.nn.ConvTranspose3d):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 3, 16, 16, 16))
    assert operations / 16**3 < 100e3


def test_sizes_are_checked() -> None:
    with pytest.raises(ValidationError):
        RefinerArchitecture(kinds=0)
    assert RefinerArchitecture(kinds=1, widths=(4, 8, 16)).divisor == 4
