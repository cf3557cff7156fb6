import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from amcnet.losses import DiceLoss
from amcnet.networks import AMCNet
from amcnet.networks.stage_supervision import StageHeads, nearest_labels

SIZES = st.integers(1, 9)


def test_every_stage_learns_from_its_own_loss():
    network = AMCNet(1, 3, 2, space_to_depth=(1, 2, 1))
    stages = StageHeads([16, 8, 4], 3, DiceLoss())
    labels = torch.randint(3, (1, 16, 32, 32), dtype=torch.uint8)
    features = network.decoded(torch.randn(1, 1, 16, 64, 32))
    loss = stages(features[:-1], labels)
    parts = [
        1 / 2 ** (3 - level) * DiceLoss()(head(stage), nearest_labels(labels, stage.shape[2:]))
        for level, (head, stage) in enumerate(zip(stages.heads, features[:-1], strict=True))
    ]
    torch.testing.assert_close(loss, sum(parts))
    loss.backward()
    touched = [all(p.grad is not None for p in stage.parameters()) for stage in network.decoder]
    assert touched == [True, True, True, False]


@given(fine=st.tuples(*[st.integers(9, 20)] * 3), coarse=st.tuples(SIZES, SIZES, SIZES))
def test_labels_of_coarser_grids_are_those_of_nearest_exact(
    fine: tuple[int, int, int], coarse: tuple[int, int, int]
) -> None:
    labels = torch.randint(256, (2, *fine), dtype=torch.uint8)
    expected = functional.interpolate(labels[:, None].float(), size=coarse, mode="nearest-exact")
    assert torch.equal(nearest_labels(labels, coarse), expected[:, 0].to(torch.uint8))
