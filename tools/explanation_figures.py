"""Draw the figures that explain the network and the loss.

    python tools/explanation_figures.py

writes docs/pictures/network.png, acm.png and loss.png. The last one is made from a phantom's slice
with planted errors, and from the loss itself.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from torch.nn import functional

from amcnet.anatomy import hand_label_table
from amcnet.losses import AnatomyConstraintLoss
from amcnet.networks.catalogue.amcnet import PAPER_POOL_SIZES
from amcnet.phantom import PhantomConfig, make_phantom

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SEED = 800003
FLAT, SOLID, MIXED, PLAIN = "#4c8fbd", "#e08e45", "#3a9d7f", "#8a8f98"


@dataclass(frozen=True)
class Box:
    """A box of a diagram, given by its centre."""

    x: float
    y: float
    width: float = 1.0
    height: float = 0.5

    def draw(self, axes: Axes, text: str, color: str) -> None:
        corner = (self.x - self.width / 2, self.y - self.height / 2)
        shape = "round,pad=0,rounding_size=0.06"
        axes.add_patch(
            FancyBboxPatch(corner, self.width, self.height, shape, fc=color, ec="none", alpha=0.9)
        )
        axes.text(self.x, self.y, text, ha="center", va="center", fontsize=8, color="white")


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "") -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color="#444"))
    middle = np.mean([start, end], axis=0)
    axes.text(middle[0], middle[1] + 0.07, text, ha="center", va="bottom", fontsize=7)


def blank(width: float, height: float) -> Axes:
    _, axes = plt.subplots(figsize=(width, height), dpi=130)
    axes.set_aspect("equal")
    axes.axis("off")
    return axes


def save(axes: Axes, name: str) -> None:
    axes.autoscale_view()
    figure = axes.get_figure()
    figure.savefig(
        PICTURES / name, bbox_inches="tight", facecolor="white", metadata={"Software": ""}
    )
    plt.close(figure)


def draw_network() -> None:
    """Draw the encoder and the decoder with the paper's sizes."""
    axes, size, width = blank(13, 5), np.array([16, 512, 256]), 64
    stages = len(PAPER_POOL_SIZES)
    down = [Box(1.5 * level, -1.2 * level, 1.7, 0.7) for level in range(stages)]
    up = [Box(12 - 1.5 * level, -1.2 * level, 1.7, 0.7) for level in range(stages)]
    chain = [*down, Box(6, -1.2 * stages, 1.7, 0.7), *reversed(up)]
    for level, box in enumerate(chain[: stages + 1]):
        text = f"ACM, {width * 2**level}\n" + " x ".join(map(str, size))
        box.draw(axes, text, MIXED)
        if level == stages:
            break
        up[level].draw(axes, text, MIXED)
        arrow(axes, (box.x + 0.85, box.y), (up[level].x - 0.85, box.y), "skip")
        pool = " x ".join(map(str, PAPER_POOL_SIZES[level]))
        axes.text(box.x - 0.1, box.y - 0.62, f"max-pool {pool}", fontsize=7, ha="right")
        axes.text(up[level].x + 0.1, box.y - 0.62, f"up {pool}", fontsize=7)
        size = size // PAPER_POOL_SIZES[level]
    for above, below in pairwise(chain):
        side, way = np.sign(below.x - above.x), np.sign(below.y - above.y)
        start, end = (above.x + side * 0.3, above.y + way * 0.35), below.x - side * 0.3
        arrow(axes, start, (end, below.y - way * 0.35))
    Box(-2.0, 0, 1.2).draw(axes, "volume", PLAIN)
    Box(14.2, 0, 1.5).draw(axes, "39 classes", PLAIN)
    arrow(axes, (-1.4, 0), (-0.85, 0))
    arrow(axes, (12.85, 0), (13.45, 0))
    save(axes, "network.png")


def draw_acm() -> None:
    """Draw one adaptive module."""
    axes = blank(12, 3)
    Box(0, 0, 1.3, 0.7).draw(axes, "features", PLAIN)
    Box(3.2, 0.9, 2.9, 0.7).draw(axes, "twice: conv 1 x 3 x 3,\nnorm, activation", FLAT)
    Box(3.2, -0.9, 2.9, 0.7).draw(axes, "twice: conv 3 x 3 x 3,\nnorm, activation", SOLID)
    Box(6.9, 0, 2.7, 0.7).draw(axes, "mean over voxels,\nconv across channels", PLAIN)
    Box(10.0, 0, 2.1, 0.7).draw(axes, "softmax over\nboth branches", PLAIN)
    Box(13.3, 0, 2.7, 0.7).draw(axes, "a · 2D + (1 - a) · 3D", MIXED)
    for y in (0.9, -0.9):
        arrow(axes, (0.65, 0), (1.75, y))
        arrow(axes, (4.65, y), (5.8, np.sign(y) * 0.35))
        axes.add_patch(
            FancyArrowPatch(
                (4.65, y),
                (13.3, np.sign(y) * 0.37),
                connectionstyle="angle,angleA=0,angleB=90,rad=4",
                arrowstyle="-|>",
                mutation_scale=9,
                color="#444",
            )
        )
    arrow(axes, (8.25, 0), (8.95, 0))
    arrow(axes, (11.05, 0), (11.95, 0))
    axes.text(11.5, 0.45, "a of each channel", ha="center", fontsize=8)
    save(axes, "acm.png")


def planted(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return labels with one bone misnamed, one boundary off by a voxel, and one bone missing."""
    names = [value for value in np.unique(truth) if value]
    names.sort(key=lambda value: -(truth == value).sum())
    wrong = truth.copy()
    renamed, thinner, lost = names[:3]
    wrong[truth == renamed] = names[3]
    inside = binary_erosion(truth == thinner, np.ones((3, 3, 3), bool))
    wrong[(truth == thinner) & ~inside] = 0
    wrong[truth == lost] = 0
    return wrong


def draw_loss() -> None:
    """Draw the effect of cross-entropy and of the anatomy term on the same errors."""
    labels = make_phantom(SEED, PhantomConfig()).labels
    table = hand_label_table()
    counts = [len(np.unique(part)) for part in labels]
    middle = int(np.argmax(counts))
    truth = labels[middle - 3 : middle + 4]
    wrong = planted(truth)
    target = torch.from_numpy(truth).long()[None]
    one_hot = functional.one_hot(torch.from_numpy(wrong).long(), table.num_classes)
    logits = (8.0 * one_hot.permute(3, 0, 1, 2)[None]).float().requires_grad_()
    own = torch.log_softmax(logits, 1).gather(1, target[:, None])[:, 0]
    (by_entropy,) = torch.autograd.grad(-own.mean(), logits, retain_graph=True)
    (by_anatomy,) = torch.autograd.grad(AnatomyConstraintLoss()(logits, target), logits)
    colors = np.zeros((256, 3))
    for structure in table:
        colors[structure.value] = np.array(structure.color_rgb) / 255
    figure, panels = plt.subplots(2, 2, figsize=(9, 3.4), dpi=130)
    slices = [colors[part[3]].transpose(1, 0, 2) for part in (truth, wrong)]
    pulls = [
        float(len(own.flatten())) * g.abs().sum(1)[0, 3].numpy().T for g in (by_entropy, by_anatomy)
    ]
    titles = ("truth", "labels with errors", "pull of cross-entropy", "pull of the anatomy term")
    for axes, picture, title in zip(panels.flat, [*slices, *pulls], titles, strict=True):
        box = np.argwhere(truth[3] > 0)
        (left, top), (right, bottom) = box.min(0) - 8, box.max(0) + 9
        picture = picture[max(0, top) : bottom, max(0, left) : right]
        if picture.ndim == 2:
            axes.imshow(picture, cmap="inferno", aspect=0.7, interpolation="nearest")
        else:
            axes.imshow(picture, aspect=0.7, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    figure.savefig(PICTURES / "loss.png", bbox_inches="tight", metadata={"Software": ""})


if __name__ == "__main__":
    draw_network()
    draw_acm()
    draw_loss()
