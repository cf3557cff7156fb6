import torch

from amcnet.anatomy import IGNORE
from amcnet.networks import AMCNet
from amcnet.networks.voxel_subsets import voxel_of_turn

FACTOR = (2, 3, 1)


def test_every_voxel_has_its_turn_with_its_own_label_and_logits():
    network = AMCNet(1, num_classes=3, width=2, pool_sizes=((2, 2, 2),), space_to_depth=FACTOR)
    image = torch.randn(1, 1, 7, 10, 4)
    # Of a label that is the voxel's own number, nothing may come twice or be left out.
    numbers = torch.arange(7 * 10 * 4).view(1, 7, 10, 4)
    whole = network(image)[0].flatten(1)
    seen = []
    for turn in range(6, 12):
        place, labels = voxel_of_turn(numbers, FACTOR, turn)
        logits = network.one_voxel_of_each_group(network.decoded(image)[-1], place)
        inside = labels != IGNORE
        seen += labels[inside].tolist()
        torch.testing.assert_close(logits[0][:, inside[0]], whole[:, labels[inside]])
    # The label 255 is the one that means to ignore.
    assert sorted(seen) == [n for n in range(280) if n != IGNORE]


def test_what_lies_outside_the_window_is_ignored():
    _, labels = voxel_of_turn(torch.ones(1, 3, 4, 2, dtype=torch.uint8), FACTOR, 5)
    assert labels[0, :, :, 0].tolist() == [[1, IGNORE], [IGNORE, IGNORE]]
