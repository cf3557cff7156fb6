import torch
from torch.nn import functional

from amcnet.networks.swin_blocks import SwinStage, from_windows, to_windows


def test_windows_come_back_as_they_were() -> None:
    features = torch.randn(2, 8, 12, 3)
    windows = to_windows(features, 4)
    assert windows.shape == (2 * 6, 16, 3)
    assert torch.equal(windows[1].view(4, 4, 3), features[0, :4, 4:8])
    assert torch.equal(from_windows(windows, 4, features), features)


def reach(stage: SwinStage, plane: tuple[int, int], token: tuple[int, int]) -> torch.Tensor:
    """Return which tokens of a plane the result at one depends on."""
    features = torch.randn(1, *plane, 8, requires_grad=True)
    stage(features)[0, token[0], token[1]].sum().backward()
    return features.grad.abs().sum(dim=(0, 3)) > 0


def test_attention_stays_within_windows_and_shifted_ones() -> None:
    alone = SwinStage(8, 2, window=4, shifts=True, drop_path=[0.0])
    seen = reach(alone, (8, 8), (1, 6))
    assert seen.nonzero().min(dim=0).values.tolist() == [0, 4]
    assert seen.sum() == 16
    both = SwinStage(8, 2, window=4, shifts=True, drop_path=[0.0, 0.0])
    assert reach(both, (8, 8), (3, 3)).all()  # its shifted window touches all four
    corner = reach(both, (8, 8), (7, 7))  # what was wrapped around is kept apart
    assert corner[4:, 4:].all()
    assert corner.sum() == 16


def test_what_is_added_to_fill_windows_changes_nothing() -> None:
    torch.manual_seed(0)
    stage = SwinStage(8, 2, window=4, shifts=False, drop_path=[0.0]).eval()
    features = torch.randn(1, 4, 6, 8)
    whole = stage(features)
    block = stage.blocks[0]
    part = block.norm1(features[:, :, 4:]).reshape(1, 8, 8)  # two columns in a window of four
    keys = torch.arange(4).repeat_interleave(2) * 4 + torch.arange(2).repeat(4)
    pairs = block.attention.pairs[keys][:, keys]
    bias = block.attention.bias[pairs].permute(2, 0, 1)
    query, key, value = (
        block.attention.query_key_value(part).view(1, 8, 3, 2, 4).permute(2, 0, 3, 1, 4)
    )
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias[None])
    mixed = block.attention.project(mixed.transpose(1, 2).reshape(1, 8, 8))
    after = features[:, :, 4:] + mixed.view(1, 4, 2, 8)
    torch.testing.assert_close(whole[:, :, 4:], after + block.mlp(block.norm2(after)))
