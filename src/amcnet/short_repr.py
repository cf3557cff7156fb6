"""Results that show themselves in a few lines: arrays as type and shape, long lists as counts."""

from dataclasses import fields, is_dataclass
from typing import Any

from amcnet.text_layout import shortened, wrapped

LINES = 5
"""Most lines of a result's ``repr``."""

_WIDTH = 88
_LONGEST = 44  # characters of one value


def short_repr(result: Any) -> str:  # noqa: ANN401  any dataclass
    """Return the fields of a dataclass in at most five lines.

    Use it as the class's ``__repr__``.

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> @dataclass(frozen=True)
    ... class Scan:
    ...     array: np.ndarray
    ...     names: tuple[str, ...]
    ...     __repr__ = short_repr
    >>> Scan(np.zeros((3, 4, 5), np.uint8), ("liver",) * 50)
    Scan(array=uint8 (3, 4, 5), names=tuple of 50)
    """
    parts = [f"{field.name}={_shown(getattr(result, field.name))}" for field in fields(result)]
    lines = wrapped(f"{type(result).__name__}({', '.join(parts)})", _WIDTH)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], "  ...)"]
    return "\n".join(lines)


def _shown(value: Any) -> str:  # noqa: ANN401
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} {tuple(value.shape)}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    whole = type(value).__name__ if is_dataclass(value) else repr(value)
    if len(whole) <= _LONGEST:
        return whole
    if isinstance(value, (tuple, list, dict, set)):
        return f"{type(value).__name__} of {len(value)}"
    return shortened(whole, _LONGEST)
