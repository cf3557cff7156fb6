"""Cases of an evaluation that have no result of their own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CaseGaps:
    """Cases of an evaluation that have no result of their own, by name.

    Attributes:
        counted: Without a prediction, and counted as if all their structures were missed.
        left_out: Without a prediction, and in no figure.
        failed: Could not be evaluated, and are in no figure.
    """

    counted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each kind of gap that there is."""
        texts = {
            "without a prediction, counted as missed": self.counted,
            "without a prediction, left out": self.left_out,
            "not evaluated, left out": self.failed,
        }
        return tuple(
            f"{len(names)} {'case' if len(names) == 1 else 'cases'} {what}: {', '.join(names)}."
            for what, names in texts.items()
            if names
        )
