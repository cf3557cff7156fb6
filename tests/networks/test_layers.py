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
