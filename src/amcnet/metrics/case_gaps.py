"""Cases of an evaluation without a result of their own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CaseGaps:
    """Cases of an evaluation without a result of their own, by name.

    Attributes:
        counted: Without a prediction; all their structures count as missed.
        skipped: Without a prediction; they are excluded from all figures.
        failed: Could not be evaluated; they are excluded from all figures.
    """

    counted: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """Return one sentence per kind of gap.

        Example:
            >>> CaseGaps(failed=("hand_3",)).notes()
            ('1 case not evaluated, skipped: hand_3.',)
        """
        texts = {
            "without a prediction, counted as missed": self.counted,
            "without a prediction, skipped": self.skipped,
            "not evaluated, skipped": self.failed,
        }
        return tuple(
            f"{len(names)} {'case' if len(names) == 1 else 'cases'} {what}: {', '.join(names)}."
            for what, names in texts.items()
            if names
        )
