"""Names of the files in a run folder, for readers that do without PyTorch."""

from pathlib import Path

BUNDLE_FOLDER = "model"
HISTORY_FILE = "metrics.csv"
CURVES_FILE = "curves.png"
CHECKPOINT_FOLDER = "checkpoints"


def last_checkpoint(folder: Path) -> Path:
    """Return the path of a run's newest checkpoint.

    Example:
        >>> last_checkpoint(Path("runs/hand")).as_posix()
        'runs/hand/checkpoints/last.ckpt'
    """
    return folder / CHECKPOINT_FOLDER / "last.ckpt"


def best_checkpoint(folder: Path) -> Path:
    """Return the path of the checkpoint with the highest Dice."""
    return folder / CHECKPOINT_FOLDER / "best.ckpt"
