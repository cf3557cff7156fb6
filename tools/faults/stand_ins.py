"""What is prepared in the process of an interrupted command before it starts."""

import tempfile
import time
from functools import partial

import amcnet.workflows.demo
from amcnet.inference import Segmenter
from amcnet.phantom import GRIDS, PhantomConfig, make_phantom
from amcnet.phantom.grids import PhantomGrid
from tools.faults.companions import answers
from tools.faults.surroundings import Surroundings

_PATIENCE_SECONDS, _STEP_SECONDS = 60.0, 0.02
_COARSE = PhantomGrid((80, 64, 32), (2.15, 2.1, 1.42))


def coarse_phantoms(_surroundings: Surroundings) -> None:
    """Let ``--grid half`` name a coarse grid in this process."""
    GRIDS["half"] = _COARSE


def coarse_demo(surroundings: Surroundings) -> None:
    """Let the demo of this process make a coarse phantom and use the untrained model."""
    make = partial(make_phantom, config=PhantomConfig(_COARSE))
    demo = vars(amcnet.workflows.demo)
    demo["make_phantom"] = make
    demo["Segmenter"] = partial(Segmenter, surroundings.inputs / "model", quality="fast")


def forget_temporary_folder(_surroundings: Surroundings) -> None:
    """Let ``TMPDIR`` count although this process has found its temporary folder already."""
    tempfile.tempdir = None


def wait_for_the_service(surroundings: Surroundings) -> None:
    """Wait until the service beside the command answers."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not answers(surroundings.port) and time.monotonic() < deadline:
        time.sleep(_STEP_SECONDS)
