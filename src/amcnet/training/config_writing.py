"""Write configurations without losing what a user has edited."""

from pathlib import Path

from amcnet.io.atomic_files import write_atomically
from amcnet.io.small_files import read_small_file
from amcnet.training.config_template import is_edited, with_checksum


def write_config(path: Path, text: str) -> list[str]:
    """Write a configuration; an edited one is kept, and the new one gets another name.

    Args:
        path: TOML file.
        text: The configuration.

    Returns:
        A remark if the file was kept.
    """
    new = path.with_suffix(".new.toml")
    content = with_checksum(text)
    if path.exists() and _is_edited(path):
        write_atomically(new, content)
        return [f"{path.name} has been edited and is kept; the new one is {new.name}"]
    new.unlink(missing_ok=True)
    write_atomically(path, content)
    return []


def discard_config(path: Path) -> None:
    """Remove an earlier configuration, unless it was edited."""
    path.with_suffix(".new.toml").unlink(missing_ok=True)
    if path.exists() and not _is_edited(path):
        path.unlink()


def _is_edited(path: Path) -> bool:
    """Return whether a configuration differs from what was written; one that is no text does."""
    try:
        return is_edited(read_small_file(path, "a training configuration").decode("utf-8"))
    except UnicodeDecodeError:
        return True
