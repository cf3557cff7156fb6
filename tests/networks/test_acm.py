import pytest
import torch

from amcnet.errors import ConfigError
from amcnet.networks import ACM


def test_mixes_branches_with_a_softmax_over_two() -> None:
    torch.manual_seed(0)
    module = ACM(3, 6).eval()
    features = torch.randn(2, 3, 4, 9, 7)
    flat, solid = module.branch_2d(features), module.branch_3d(features)
    attention = module.attention
    pooled = (flat + solid).mean(dim=(2, 3, 4))  # Eq. 1
    mixed = torch.nn.functional.conv1d(  # Eq. 2
        pooled[:, None], attention.across_channels.weight, padding=1
    )[:, 0]
    scores = torch.stack((mixed @ attention.a.weight.T, mixed @ attention.b.weight.T))
    alpha, beta = torch.softmax(scores, dim=0)[..., None, None, None]  # Eq. 3
    expected = alpha * flat + beta * solid  # Eq. 4
    torch.testing.assert_close(module(features), expected)


def test_2d_branch_sees_one_slice_only() -> None:
    module = ACM(1, 4, branches="2d").branch_2d
    convolutions = torch.nn.Sequential(*(m for m in module if isinstance(m, torch.nn.Conv3d)))
    one = torch.zeros(1, 1, 7, 9, 9)
    one[0, 0, 3, 4, 4] = 1
    touched = convolutions(one).abs().sum(dim=(0, 1, 3, 4)) > 0
    assert touched.tolist() == [False] * 3 + [True] + [False] * 3


def test_huge_features_do_not_overflow() -> None:
    module = ACM(1, 4)
    with torch.no_grad():
        module.attention.a.weight.fill_(1e30)
        module.attention.b.weight.fill_(-1e30)
    assert torch.isfinite(module(torch.randn(1, 1, 4, 4, 4))).all()


@pytest.mark.parametrize("branches", ["2d", "3d", "2d+3d"])
def test_gradients_reach_every_parameter(branches: str) -> None:
    module = ACM(2, 4, branches=branches)
    module(torch.randn(1, 2, 4, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_refuses_bad_settings() -> None:
    with pytest.raises(ConfigError, match=r"'4d'.*2d, 3d, 2d\+3d"):
        ACM(1, 4, branches="4d")
    with pytest.raises(ConfigError, match="found 2, expected an odd number"):
        ACM(1, 4, kernel_size=2)


@pytest.mark.parametrize("slices", [1, 2, 3, 4])
def test_bfloat16_gradients_of_few_slices_are_those_of_float32(slices: int) -> None:
    """PyTorch 2.13 leaves a part of them unset for two slices on a CPU."""
    torch.manual_seed(0)
    module = ACM(24, 32, branches="3d")
    features = torch.randn(1, 24, slices, 9, 9)

    def gradients() -> torch.Tensor:
        module.zero_grad()
        module(features).square().mean().backward()
        return torch.cat([p.grad.flatten() for p in module.parameters()])

    expected = gradients()
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients()
    assert (found - expected).norm() < 0.2 * expected.norm()
