"""Training: a configuration file in, a run folder with a model bundle out."""

from amcnet.training.config import TrainingConfig, read_config

__all__ = ["TrainingConfig", "read_config", "train"]


def __getattr__(name: str) -> object:
    """Import what needs PyTorch and Lightning on first use."""
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from amcnet.extras import import_extra

    return import_extra("amcnet.training.run", "train", "amcnet.training.train").train
