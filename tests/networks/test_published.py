"""The networks at their authors' sizes against what was published about them, or MONAI's."""

import pytest
import torch
from monai.networks.nets import VNet as MonaiVNet
from torch import nn

from amcnet.networks.catalogue.mnet import MNet
from amcnet.networks.catalogue.swinunet import SwinUNet
from amcnet.networks.catalogue.unet import UNet2D
from amcnet.networks.catalogue.unet3d import UNet3D
from amcnet.networks.catalogue.unetplusplus import UNetPlusPlus
from amcnet.networks.catalogue.vnet import VNet
from amcnet.networks.layers import InstanceNorm


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def with_biases_for_norms(network: nn.Module) -> int:
    """Count as if each norm (a scale and a shift) were a convolution's bias."""
    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]
    return count(network) - count(*norms) // 2


def test_unet_has_as_many_parameters_as_that_of_ronneberger() -> None:
    with torch.device("meta"):
        assert with_biases_for_norms(UNet2D(1, 1, 64)) == 31_030_593


def test_3d_unet_has_as_many_parameters_as_cicek_writes() -> None:
    """They write 19,069,955 in total, which are those of up-convolutions without biases."""
    with torch.device("meta"):
        network = UNet3D(3, 3, 32)
    biases = sum(m.bias.numel() for m in network.modules() if isinstance(m, nn.ConvTranspose3d))
    assert with_biases_for_norms(network) - biases == 19_069_955


@pytest.mark.parametrize(
    ("core", "arguments", "millions"),
    [
        (UNetPlusPlus, (1, 1, 32), 9.04),  # Zhou et al.; they have no norm
        (SwinUNet, (3, 9, 96, 7), 27.17),
        (VNet, (1, 2, 16), 45.6),
        (MNet, (1, 2, 32), 8.77),
    ],
)
def test_other_networks_have_about_the_known_sizes(core, arguments, millions):
    with torch.device("meta"):
        assert count(core(*arguments)) / 1e6 == pytest.approx(millions, rel=0.01)


def test_vnet_is_monais() -> None:
    torch.manual_seed(0)
    theirs = MonaiVNet(3, 1, 3, act="prelu")
    ours = VNet(1, 3, 16)
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 1, 16, 16, 32)
    with torch.inference_mode():
        assert torch.equal(ours.eval()(image), theirs.eval()(image))
