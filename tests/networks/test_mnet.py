import torch
from torch.nn import functional

from amcnet.networks.catalogue.mnet import MNet, _pool_scan


def test_slices_are_halved_where_there_are_eight() -> None:
    for slices in (1, 7, 8, 9, 16):
        features = torch.randn(1, 2, slices, 4, 4)
        expected = functional.max_pool3d(features, (2, 1, 1)) if slices >= 8 else features
        assert torch.equal(_pool_scan(features), expected)


def test_outputs_lie_on_three_coarser_grids_too() -> None:
    network = MNet(1, 3, 4)
    with torch.inference_mode():
        outputs = network.outputs(torch.randn(1, 1, 16, 32, 32))
    assert [tuple(output.shape[2:]) for output in outputs] == [
        (16, 32, 32),
        (8, 16, 16),  # the cells of a level that pooled the scan axis
        (16, 16, 16),
        (4, 8, 8),
        (16, 8, 8),
        (4, 4, 4),
        (16, 4, 4),
    ]
    assert sum(network.output_weights) == 1
