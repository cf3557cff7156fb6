"""Training: a configuration file in, a run folder with a model bundle out."""

from importlib import import_module
from typing import TYPE_CHECKING

from amcnet.extras import require_extra
from amcnet.training.config import TrainingConfig, read_config

if TYPE_CHECKING:
    from amcnet.training.run import train

__all__ = ["TrainingConfig", "read_config", "train"]


def __getattr__(name: str) -> object:
    """Import what needs PyTorch and Lightning on first use."""
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_extra("train", "amcnet.training.train")
    return import_module("amcnet.training.run").train
