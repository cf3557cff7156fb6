import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from amcnet.networks import AMCNet
from amcnet.networks.space_to_depth import depth_to_space, pad_to_divisor, space_to_depth

STEPS = st.integers(1, 3)
BLOCKS = st.tuples(STEPS, STEPS, STEPS)


@given(block=BLOCKS, size=BLOCKS, channels=st.integers(1, 3))
def test_blocks_come_back_as_they_were(block, size, channels):
    shape = [n * step for n, step in zip(size, block, strict=True)]
    volume = torch.randn(2, channels, *shape)
    blocks = space_to_depth(volume, block)
    assert blocks.shape[2:] == size
    assert torch.equal(depth_to_space(blocks, block), volume)


def test_blocks_in_a_plane_are_those_of_pytorch():
    plane = torch.randn(1, 1, 6, 8)
    blocks = space_to_depth(plane[:, :, None], (1, 2, 2))
    torch.testing.assert_close(blocks[:, :, 0], functional.pixel_unshuffle(plane, 2))


def test_padding_repeats_the_border():
    padded = pad_to_divisor(torch.arange(5.0).view(1, 1, 5, 1, 1), (3, 1, 2))
    assert padded[0, 0, :, 0].tolist() == [[n, n] for n in (0, 1, 2, 3, 4, 4)]


@pytest.mark.parametrize("size", [(1, 1, 1), (7, 20, 15), (8, 18, 16)])
def test_one_voxel_of_each_block_is_part_of_the_whole(size):
    block = (2, 3, 2)
    network = AMCNet(1, num_classes=4, width=2, pool_sizes=((2, 2, 2),) * 2, space_to_depth=block)
    image = torch.randn(2, 1, *size)
    whole = network(image)
    assert whole.shape == (2, 4, *size)
    for place in ((0, 0, 0), (1, 2, 0), (0, 1, 1)):
        part = network.one_voxel_of_each_group(network.decoded(image)[-1], place)
        inside = whole[:, :, place[0] :: 2, place[1] :: 3, place[2] :: 2]
        scan, lateral, depth = inside.shape[2:]
        torch.testing.assert_close(part[:, :, :scan, :lateral, :depth], inside)
