import pytest
import torch

from amcnet.networks.layers import Conv3d, InstanceNorm


@pytest.mark.parametrize("slices", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("padding", [1, 2])
def test_bfloat16_gradients_of_few_slices_are_those_of_float32(slices: int, padding: int) -> None:
    """PyTorch 2.13 leaves a part of them unset on a CPU where it is to pad few slices itself."""
    torch.manual_seed(0)
    layer = Conv3d(24, 32, 2 * padding + 1, padding=padding, bias=False)
    plain = torch.nn.Conv3d(24, 32, 2 * padding + 1, padding=padding, bias=False)
    plain.load_state_dict(layer.state_dict())
    features = torch.randn(1, 24, slices, 9, 9)
    torch.testing.assert_close(layer(features), plain(features))
    plain(features).square().mean().backward()
    with torch.autocast("cpu", torch.bfloat16):
        layer(features).square().mean().backward()
    difference = layer.weight.grad - plain.weight.grad
    assert difference.norm() < 0.1 * plain.weight.grad.norm()


def test_norm_is_pytorchs_and_takes_a_single_voxel() -> None:
    norm, plain = InstanceNorm(3, affine=True), torch.nn.InstanceNorm3d(3, affine=True)
    features = torch.randn(2, 3, 2, 4, 4)
    assert torch.equal(norm(features), plain(features))
    single = norm(features[..., :1, :1, :1])
    torch.testing.assert_close(single, torch.zeros(2, 3, 1, 1, 1), atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [(5, 4, 3), (7, 12, 9), (8, 3, 17), (16, 8, 8)])
@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_small_volumes_avoid_the_slow_kernel_and_give_the_same(size, kernel, bias) -> None:
    torch.manual_seed(0)
    padding = tuple(n // 2 for n in kernel)
    layer = Conv3d(3, 5, kernel, padding=padding, bias=bias)
    plain = torch.nn.Conv3d(3, 5, kernel, padding=padding, bias=bias)
    plain.load_state_dict(layer.state_dict())
    features = torch.randn(1, 3, *size)
    mine, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
    assert layer._is_slow(mine)
    found, expected = layer(mine), plain(theirs)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weight = torch.randn_like(found)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-5)
    for own, other in zip(layer.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-4, atol=1e-4)


def test_only_training_of_small_volumes_takes_the_other_way() -> None:
    layer = Conv3d(16, 16, 3, padding=1)
    small, large = torch.zeros(1, 16, 8, 8, 8), torch.zeros(1, 16, 40, 40, 2)
    assert layer._is_slow(small)
    assert not layer._is_slow(large)
    assert not layer._is_slow(small.expand(2, -1, -1, -1, -1))
    with torch.autocast("cpu", torch.bfloat16):
        assert not layer._is_slow(small)
    with torch.no_grad():
        assert not layer._is_slow(small)
    assert not layer.eval()._is_slow(small)
