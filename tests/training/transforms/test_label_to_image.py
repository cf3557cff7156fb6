import pytest
import torch

from amcnet.training.transforms.label_to_image import synthesise_image
from amcnet.training.transforms.random_stream import WindowRandom

CPU = torch.device("cpu")
SPACING = (1.0, 1.5, 0.8)


def bar() -> torch.Tensor:
    labels = torch.zeros(30, 40, 50, dtype=torch.uint8)
    labels[8:22, 15:25, 15:22] = 7
    return labels


@pytest.mark.parametrize("seed", range(8))
def test_a_bone_has_a_bright_upper_surface_and_a_shadow(seed):
    image = synthesise_image(bar(), WindowRandom(seed, CPU), SPACING)
    middle = image[12:18, 18:22].mean(dim=(0, 1))  # along the beam
    assert middle[14:17].max() > middle[18:22].max()  # the line above what is inside
    assert middle[24:27].mean() < middle[10:13].mean()  # as far from the bone on its other side
    assert image[:, :, 0].std() < 0.1 * image.std()  # no echo far above


@pytest.mark.parametrize("fill", [0, 255])
def test_nothing_is_drawn_of_nothing(fill):
    labels = torch.full((8, 8, 8), fill, dtype=torch.uint8)
    assert torch.equal(
        synthesise_image(labels, WindowRandom(0, CPU), SPACING), torch.zeros(8, 8, 8)
    )


def test_greys_differ_and_come_again():
    images = [synthesise_image(bar(), WindowRandom(seed, CPU), SPACING) for seed in (1, 2, 1)]
    assert torch.equal(images[0], images[2])
    assert not torch.allclose(images[0], images[1], atol=0.1)
    for image in images:
        assert image.mean().item() == pytest.approx(0, abs=1e-4)
        assert image.std(correction=0).item() == pytest.approx(1, abs=1e-4)
