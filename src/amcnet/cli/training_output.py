"""Shared by the commands that train: time limits, the log, and progress as JSON lines."""

import json
import logging
import math
import os
import re
import sys
import warnings

from amcnet.errors import ConfigError, OneLineFormatter


def write_json(event: str, **values: object) -> None:
    """Write one line of progress, as docs/progress.md describes it."""
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            values[name] = None
    line = json.dumps({"protocol": 1, "event": event} | values, allow_nan=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def let_threads_sleep() -> None:
    """Let waiting threads of PyTorch sleep instead of spinning, if it is not yet loaded.

    This makes steps several times as fast on a machine with other load.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def show_log() -> None:
    """Show the messages of the run and Lightning's warnings, but not Lightning's hints."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for text in (r".*\(treespec, LeafSpec\)` is deprecated", r"Checkpoint directory .* exists"):
        warnings.filterwarnings("ignore", text)


def hours_of(text: str | None) -> float | None:
    """Convert 8h, 90m, 1h30m or 45s to hours."""
    if text is None:
        return None
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.strip().lower())
    hours, minutes, seconds = (float(p or 0) for p in match.groups()) if match else (0, 0, 0)
    hours += minutes / 60 + seconds / 3600
    if not 0 < hours < math.inf:
        raise ConfigError(f"--max-time: found '{text}', expected a time such as 8h, 90m or 1h30m")
    return hours
