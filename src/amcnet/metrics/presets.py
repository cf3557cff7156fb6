"""Which of the figures stand for a result, and how what is missing counts in them."""

from enum import StrEnum
from typing import Any

from amcnet.metrics.summary import Row


class Preset(StrEnum):
    """A way to report.

    Attributes:
        STRICT: Means over structures; missed and invented ones have an overlap of 0, missed ones
            an HD95 of 10 mm, and a case without a prediction is one where all were missed.
        PAPER: What the AMCNet paper seems to report. That is inferred from its tables, where DSC
            and F1 differ: Dice and Jaccard pool the foreground of a case, recall and F1 are
            means over structures, HD95 leaves out missed structures, and a case without a
            prediction is left out.
    """

    STRICT = "strict"
    PAPER = "paper"

    @property
    def counts_missing_cases(self) -> bool:
        """Whether a case without a prediction counts."""
        return self is Preset.STRICT


_COLUMNS = {
    Preset.STRICT: {
        "Dice": "dice_macro",
        "Jaccard": "jaccard_macro",
        "recall": "recall_macro",
        "precision": "precision_macro",
        "HD95 mm, missed=10": "hd95_macro_missed_as_10mm_mm",
        "detected": "detection_rate",
    },
    Preset.PAPER: {
        "Dice": "dice_foreground",
        "Jaccard": "jaccard_foreground",
        "recall": "recall_macro",
        "F1": "f1_macro",
        "HD95 mm, of present": "hd95_macro_mm",
    },
}


def preset_columns(preset: Preset) -> dict[str, str]:
    """Return the keys of the summary that a preset reports, by what they are called in a table."""
    return dict(_COLUMNS[preset])


def headline(result: Row, preset: Preset) -> dict[str, dict[str, Any]]:
    """Return the figures that a preset reports: under ``all``, then under each kind.

    Args:
        result: What :func:`amcnet.metrics.evaluate_case` or
            :func:`amcnet.metrics.summarise_cases` returns.
        preset: Which figures.
    """
    groups = {"all": result["summary"]} | result["summary"].get("by_kind", {})
    keys = _COLUMNS[preset].values()
    return {group: {key: summary[key] for key in keys} for group, summary in groups.items()}


def with_headline(result: Row, preset: Preset) -> Row:
    """Return a result with the name of a preset and the figures that it reports."""
    return {"preset": preset.value, "headline": headline(result, preset)} | result
