"""Label-to-image synthesis: a random image of the labelled bones, mixed into a training window.

A network that has seen one renderer or one device relies on its peculiarities. Here, random
intensities are assigned to the features common to all ultrasound of bones: surrounding tissue, the
bright probe side, the interior, and the shadow. (Random images of label maps: Billot et al.,
SynthSeg, Medical Image Analysis 2023.)
"""

import torch
from torch import Tensor

from amcnet.anatomy import IGNORE
from amcnet.io.geometry import Triple
from amcnet.training.transforms.gaussian_blur import blurred
from amcnet.training.transforms.random_stream import WindowRandom

_REACH_MM = (2.5, 6.0)  # standard deviation of the blur that turns bones into tissue
_TISSUE_ABOVE = (0.01, 0.08)  # as a fraction of the blurred bones' maximum
_EDGE_MM = (0.3, 1.0)
_TISSUE = (0.3, 1.0)  # intensities; no echo is 0
_INSIDE = (0.0, 0.8)  # as a fraction of the tissue's intensity
_LINE = (0.2, 1.5)
_SHADOW = (0.1, 1.0)  # fraction of the brightness that is lost below a bone


def synthesise_image(labels: Tensor, random: WindowRandom, spacing_mm: Triple) -> Tensor:
    """Return an image with mean 0 and standard deviation 1, float32 (scan, lateral, depth).

    Args:
        labels: uint8 (scan, lateral, depth); depth runs away from the probe.
        random: The window's random numbers.
        spacing_mm: Spacing in (scan, lateral, depth).
    """
    bone = ((labels > 0) & (labels != IGNORE)).float()
    near = _blurred_mm(bone, random.uniform(*_REACH_MM), spacing_mm)
    edge_mm = random.uniform(*_EDGE_MM)
    tissue = _blurred_mm((near > random.uniform(*_TISSUE_ABOVE)).float(), edge_mm, spacing_mm)
    grey = random.uniform(*_TISSUE)
    image = tissue * grey
    image = torch.lerp(image, image.new_tensor(grey * random.uniform(*_INSIDE)), bone)
    behind = bone.cummax(dim=2).values
    shadow = _blurred_mm(behind * (1 - bone), edge_mm / 2, spacing_mm)
    image = image * (1 - random.uniform(*_SHADOW) * shadow)
    above = torch.cat((torch.zeros_like(behind[..., :1]), behind[..., :-1]), dim=2)
    line = _blurred_mm(behind - above, edge_mm / 2, spacing_mm)
    image = image + line * (random.uniform(*_LINE) / line.max().clamp_min(1e-6))
    return (image - image.mean()) / image.std(correction=0).clamp_min(1e-6)


def _blurred_mm(volume: Tensor, deviation_mm: float, spacing_mm: Triple) -> Tensor:
    return blurred(volume[None], [deviation_mm / spacing for spacing in spacing_mm])[0]
