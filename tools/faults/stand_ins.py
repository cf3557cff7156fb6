"""Coarse phantoms and an untrained model, so that an interrupted command takes seconds."""

from functools import partial
from pathlib import Path

import amcnet.workflows.demo
from amcnet.inference import Segmenter
from amcnet.phantom import GRIDS, PhantomConfig, make_phantom
from amcnet.phantom.grids import PhantomGrid

_COARSE = PhantomGrid((80, 64, 32), (2.15, 2.1, 1.42))


def coarse_phantoms(_inputs: Path) -> None:
    """Let ``--grid half`` name a coarse grid in this process."""
    GRIDS["half"] = _COARSE


def coarse_demo(inputs: Path) -> None:
    """Let the demo of this process make a coarse phantom and use the untrained model."""
    make = partial(make_phantom, config=PhantomConfig(_COARSE))
    demo = vars(amcnet.workflows.demo)
    demo["make_phantom"] = make
    demo["Segmenter"] = partial(Segmenter, inputs / "model", quality="fast")
