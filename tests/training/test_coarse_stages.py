import torch

from amcnet.losses import DiceLoss
from amcnet.networks import AMCNet, Architecture
from amcnet.training.coarse_stages import CoarseStages
from amcnet.training.deep_supervision import nearest


def test_every_stage_learns_from_its_own_loss():
    architecture = Architecture(width=2, num_classes=3, block=(1, 2, 1))
    network = AMCNet(1, 3, 2, block=(1, 2, 1))
    stages = CoarseStages(architecture, DiceLoss())
    labels = torch.randint(3, (1, 16, 32, 32), dtype=torch.uint8)
    features = network.decoded(torch.randn(1, 1, 16, 64, 32))
    loss = stages(features[:-1], labels)
    parts = [
        1 / 2 ** (3 - level) * DiceLoss()(head(stage), nearest(labels, stage.shape[2:]))
        for level, (head, stage) in enumerate(zip(stages.heads, features[:-1], strict=True))
    ]
    torch.testing.assert_close(loss, sum(parts))
    loss.backward()
    touched = [all(p.grad is not None for p in stage.parameters()) for stage in network.decoder]
    assert touched == [True, True, True, False]
