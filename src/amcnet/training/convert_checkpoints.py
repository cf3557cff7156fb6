"""Convert the checkpoints of a run that was started by an earlier version.

    python -m amcnet.training.convert_checkpoints RUN

Earlier versions pickled checkpoints. They are read by PyTorch's weights-only loader, which creates
only tensors and plain containers and refuses everything else; the original files are kept as
``*.ckpt.former``. Convert only runs that you made yourself.
"""

import argparse
import logging
import sys
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from amcnet.errors import AmcnetError, InputError, one_line
from amcnet.io import atomic_path
from amcnet.io.input_files import check_regular_file
from amcnet.training.checkpoint_format import write_checkpoint
from amcnet.training.run_paths import CHECKPOINT_FOLDER

_UNREADABLE = (  # what PyTorch and a checkpoint of other content raise
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    UnpicklingError,
)

logger = logging.getLogger(__name__)


def convert_run(run: Path) -> list[Path]:
    """Convert every checkpoint of a run folder and return the new files.

    Raises:
        InputError: If there is no checkpoint, or one contains more than tensors and plain
            containers.
    """
    paths = sorted((run / CHECKPOINT_FOLDER).glob("*.ckpt"))
    if not paths:
        raise InputError(
            f"{run / CHECKPOINT_FOLDER}: holds no .ckpt file, expected the folder of a run"
        )
    return [path for path in paths if _convert(path)]


def _convert(path: Path) -> bool:
    check_regular_file(path, "a checkpoint of an earlier version")
    if not zipfile.is_zipfile(path):
        logger.info("%s: is not a pickle, left unchanged", path)
        return False
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        checkpoint["state_dict"] = {
            _current_name(name): value for name, value in checkpoint["state_dict"].items()
        }
    except _UNREADABLE as error:
        raise InputError(
            f"{path}: holds more than tensors and plain containers, or is damaged, expected a "
            "checkpoint of an earlier version; start the run again"
        ) from error
    former = path.with_name(path.name + ".former")
    with atomic_path(path.with_name(path.name + ".new")) as temporary:
        write_checkpoint(temporary, checkpoint)
    path.replace(former)
    path.with_name(path.name + ".new").replace(path)
    logger.info("%s: converted, the former file is %s", path, former.name)
    return True


def _current_name(name: str) -> str:
    name = name.replace("network.detail.", "network.refinement.")
    name = name.replace("refinement.of_blocks.", "refinement.of_groups.")
    return name.replace("coarse_stages.", "supervision.stages.")


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Convert the checkpoints of an earlier version.")
    parser.add_argument("run", type=Path, help="folder of the run")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        convert_run(options.run)
    except (AmcnetError, OSError) as error:
        sys.stderr.write(f"amcnet: {one_line(str(error))}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
