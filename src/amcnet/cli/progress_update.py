"""How progress is reported to a display, and time spans in words."""

from typing import Protocol


class Update(Protocol):
    """Updates a progress display."""

    def __call__(
        self, done: int, total: int, now: str = ..., seconds_left: float | None = ...
    ) -> None:
        """Set the completed steps, the number of steps (0: not counted), and the description.

        ``seconds_left`` overrides the display's own estimate of the remaining time.
        """


def duration(seconds: float) -> str:
    """Return a time span in words, rounded like an estimate."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
