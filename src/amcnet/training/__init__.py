"""Training: a configuration file in, a run folder with a model bundle out."""

from importlib import import_module
from typing import TYPE_CHECKING

from amcnet.extras import require_extra
from amcnet.training.config_reading import read_config
from amcnet.training.training_config import TrainingConfig

if TYPE_CHECKING:
    from amcnet.training.hardware import is_first_process
    from amcnet.training.training_run import train

_TORCH_NAMES = {
    "is_first_process": "amcnet.training.hardware",
    "train": "amcnet.training.training_run",
}
__all__ = ["TrainingConfig", "is_first_process", "read_config", "train"]


def __getattr__(name: str) -> object:
    """Import the parts that need PyTorch and Lightning on first use."""
    if name not in _TORCH_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_extra("train", f"amcnet.training.{name}")
    return getattr(import_module(_TORCH_NAMES[name]), name)
