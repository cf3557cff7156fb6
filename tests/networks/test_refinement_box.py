import pytest
import torch

from amcnet.anatomy import IGNORE
from amcnet.networks import AMCNet
from amcnet.networks import refinement_box as module
from amcnet.networks.refinement_box import choose_box
from amcnet.networks.refinement_head import RefinementHead

FACTOR = (2, 3, 1)


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(module, "BOX_VOXELS", (20, 24, 12))
    network = AMCNet(
        1, 3, width=2, pool_sizes=((2, 2, 2),), space_to_depth=FACTOR, refinement_channels=3
    )
    torch.nn.init.normal_(network.refinement.head.weight)
    return network


def boxed(network, image, features, labels, turn):
    """Return logits and labels of the box of a turn."""
    box = choose_box(labels, FACTOR, RefinementHead.reach, turn)
    return network.in_box(image, features, box.groups), box.labels


def test_the_logits_of_a_box_are_those_of_the_whole_wherever_they_count(network):
    image = torch.randn(2, 1, 31, 40, 17)
    # Each label is its voxel's number, so that it says where in the whole it lies.
    numbers = torch.arange(image.numel()).view(2, 31, 40, 17)
    whole = network(image).transpose(0, 1).flatten(1)
    features = network.decoded(image)[-1]
    for turn in range(4):
        logits, labels = boxed(network, image, features, numbers, turn)
        counts = labels != IGNORE
        assert 100 < counts.sum() < numbers.numel() / 4
        torch.testing.assert_close(logits.transpose(0, 1)[:, counts], whole[:, labels[counts]])


def test_a_small_window_is_one_box(network):
    labels = torch.ones(1, 5, 7, 3, dtype=torch.uint8)
    image = torch.randn(1, 1, 5, 7, 3)
    logits, target = boxed(network, image, network.decoded(image)[-1], labels, 0)
    assert target.shape == (1, 6, 9, 3)
    assert (target[:, :5, :7] == 1).all()
    assert (target == IGNORE).sum() == target.numel() - labels.numel()
    torch.testing.assert_close(logits[:, :, :5, :7], network(image))


def test_every_structure_is_as_often_in_the_middle(network):
    labels = torch.zeros(1, 60, 80, 40, dtype=torch.uint8)
    labels[0, 2, 3, 4] = 1
    labels[0, 30:58, 40:78, 20:38] = 2
    small = sum(
        bool((choose_box(labels, FACTOR, RefinementHead.reach, turn).labels == 1).any())
        for turn in range(60)
    )
    assert 15 < small < 45


def test_windows_without_any_structure_have_a_box_too(network):
    labels = torch.zeros(1, 60, 80, 40, dtype=torch.uint8)
    box = choose_box(labels, FACTOR, RefinementHead.reach, 3)
    assert (box.labels == 0).any()
