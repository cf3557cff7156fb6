"""Presets: the main figures of a result, and how missing structures and cases count."""

from enum import StrEnum
from typing import Any

from amcnet.metrics.summary import ScoreRow


class Preset(StrEnum):
    """A selection of figures and of the treatment of missing structures.

    Attributes:
        STRICT: Means over structures. Missed and invented structures have an overlap of 0, missed
            ones an HD95 of 10 mm; all structures of a case without a prediction count as missed.
        PAPER: The figures that the AMCNet paper seems to report, inferred from its tables, where
            DSC and F1 differ. Dice and Jaccard pool the foreground of a case, recall and F1 are
            means over structures, HD95 skips missed structures, and a case without a prediction is
            skipped.

    Example:
        >>> Preset("strict").value
        'strict'
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
    """Return the keys of the summary that a preset reports, by their headings in a table.

    Example:
        >>> preset_columns(Preset.STRICT)["Dice"]
        'dice_macro'
    """
    return dict(_COLUMNS[preset])


def headline(result: ScoreRow, preset: Preset) -> dict[str, dict[str, Any]]:
    """Return the figures of a preset, for ``all`` structures and for each kind.

    Args:
        result: ``to_json()`` of :func:`amcnet.metrics.evaluate_case`, or the result of
            :func:`amcnet.metrics.summarise_cases`.
        preset: The preset.

    Example:
        >>> keys = preset_columns(Preset.STRICT).values()
        >>> figures = headline({"summary": dict.fromkeys(keys, 0.5)}, Preset.STRICT)
        >>> figures["all"]["dice_macro"]
        0.5
    """
    groups = {"all": result["summary"]} | result["summary"].get("by_kind", {})
    keys = _COLUMNS[preset].values()
    return {group: {key: summary[key] for key in keys} for group, summary in groups.items()}


def with_headline(result: ScoreRow, preset: Preset) -> ScoreRow:
    """Return a result with the name of a preset and its figures added.

    Example:
        >>> keys = preset_columns(Preset.STRICT).values()
        >>> with_headline({"summary": dict.fromkeys(keys, 0.5)}, Preset.STRICT)["preset"]
        'strict'
    """
    return {"preset": preset.value, "headline": headline(result, preset)} | result
