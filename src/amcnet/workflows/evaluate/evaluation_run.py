"""Evaluate a folder of predictions against a folder of references."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.io import BY_HEADER, Reading
from amcnet.metrics import CaseEvaluation
from amcnet.metrics.evaluation import SURFACE_TOLERANCE_MM
from amcnet.metrics.presets import Preset, with_headline
from amcnet.metrics.summary import ScoreRow, summarise_cases
from amcnet.parallel import Progress, map_in_processes, no_progress, processors
from amcnet.workflows.evaluate.files import evaluate_files
from amcnet.workflows.evaluate.pairs import FoundPairs, Pair, find_pairs
from amcnet.workflows.label_names import names_of_files
from amcnet.workflows.outcome import Outcome, run_for_file


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of an evaluation.

    Attributes:
        table: Label table; by default from the files.
        preset: Selects the headline figures, and whether a case without a prediction counts.
        surface_tolerance_mm: Tolerance of the surface Dice.
        jobs: Number of processes; each holds one case in memory.
        ignore_value: Ignore label of the references.
        reading: How the files are read.

    Example:
        >>> EvaluateOptions(jobs=2).preset
        <Preset.STRICT: 'strict'>
    """

    table: LabelTable | None = None
    preset: Preset = Preset.STRICT
    surface_tolerance_mm: float = SURFACE_TOLERANCE_MM
    jobs: int = 1
    ignore_value: int | None = None
    reading: Reading = BY_HEADER


def evaluate_pair(
    reference: Path, prediction: Path, options: EvaluateOptions | None = None
) -> dict[str, Any]:
    """Evaluate one file against another.

    Args:
        reference: The reference segmentation.
        prediction: The segmentation to evaluate, on the same grid or cropped.
        options: Options of the evaluation.

    Returns:
        The result of :func:`amcnet.metrics.evaluate_case`, with ``preset`` and its ``headline``,
        see :func:`amcnet.metrics.headline`.

    Raises:
        InputError: If a file cannot be read, or they lie on different grids.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io import Geometry, write_labels
        >>> labels = np.zeros((9, 9, 9), np.uint8)
        >>> labels[2:7, 2:7, 2:7] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> write_labels("a.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> evaluate_pair(Path("a.seg.nrrd"), Path("a.seg.nrrd"))["headline"]["all"]["dice_macro"]
        1.0
    """
    options = options or EvaluateOptions()
    result = _evaluate_files(options, reference, prediction)
    return with_headline(result.to_json(), options.preset)


def evaluate_folders(
    references: Path,
    predictions: Path,
    options: EvaluateOptions | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Evaluate every label file of a folder against the file of the same name in another.

    Files are paired by :func:`amcnet.workflows.find_pairs`. A case that fails does not stop the
    others and is excluded from all figures. A case without a prediction counts as all background or
    is excluded, depending on the preset.

    Args:
        references: Folder of the references.
        predictions: Folder of the predictions.
        options: Options of the evaluation.
        progress: Called with (cases done, number of cases).

    Returns:
        ``preset`` and its ``headline``; ``summary``, ``cases_counted`` and ``structures`` as
        :func:`amcnet.metrics.summarise_cases` returns them; ``cases``: case name -> the file names
        ``reference`` and ``prediction`` (None if missing) and the result of
        :func:`amcnet.metrics.evaluate_case`; ``missing``: names of the cases without a prediction;
        ``failed``: case name -> reason; ``unmatched``: predictions without a reference.

    Raises:
        InputError: If a path is not a folder, there is no reference, or no case could be evaluated.
        ConfigError: If ``jobs`` is less than 1.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io import Geometry, write_labels
        >>> labels = np.zeros((9, 9, 9), np.uint8)
        >>> labels[2:7, 2:7, 2:7] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> for name in ("truth", "found"):
        ...     Path(name).mkdir()
        ...     path = Path(name) / "knee.seg.nrrd"
        ...     write_labels(path, labels, grid, LabelTable.from_names(["femur"]))
        >>> evaluate_folders(Path("truth"), Path("found"))["headline"]["all"]["dice_macro"]
        1.0
    """
    options = options or EvaluateOptions()
    found = find_pairs(references, predictions)
    if options.table is None:
        names = names_of_files(
            (file for pair in found.pairs for file in _files(pair)), options.reading
        )
        options = replace(options, table=names.table, ignore_value=names.ignore_value)
    pairs = [pair for pair in found.pairs if pair.prediction or options.preset.counts_missing_cases]
    threads = max(1, processors() // max(1, min(options.jobs, len(pairs))))
    outcomes = map_in_processes(partial(_evaluate, options, threads), pairs, options.jobs, progress)
    failed, cases = dict(found.ambiguous), {}
    for pair, outcome in zip(pairs, outcomes, strict=True):
        if outcome.error is not None:
            failed[pair.name] = outcome.error
        elif outcome.result is not None:
            cases[pair.name] = _file_names(pair) | outcome.result.to_json()
    if not cases:
        raise InputError(_nothing(predictions, found, failed))
    summary = summarise_cases(list(cases.values()))
    return with_headline(summary | {"cases": cases}, options.preset) | {
        "missing": [pair.name for pair in found.pairs if pair.prediction is None],
        "failed": failed,
        "unmatched": [path.name for path in found.unmatched],
    }


def _evaluate(options: EvaluateOptions, threads: int, pair: Pair) -> Outcome[CaseEvaluation]:
    work = partial(_evaluate_files, options, pair.reference, pair.prediction, threads)
    return run_for_file(pair.prediction or pair.reference, work, pair.reference)


def _evaluate_files(
    options: EvaluateOptions, reference: Path, prediction: Path | None, threads: int | None = None
) -> CaseEvaluation:
    return evaluate_files(
        reference,
        prediction,
        options.table,
        options.surface_tolerance_mm,
        threads,
        options.ignore_value,
        options.reading,
    )


def _files(pair: Pair) -> list[Path]:
    return [path for path in (pair.reference, pair.prediction) if path is not None]


def _file_names(pair: Pair) -> ScoreRow:
    prediction = None if pair.prediction is None else pair.prediction.name
    return {"reference": pair.reference.name, "prediction": prediction}


def _nothing(predictions: Path, found: FoundPairs, failed: dict[str, str]) -> str:
    """Return the reason why no case has a result."""
    if failed:
        first, more = next(iter(failed.values())), len(failed) - 1
        return first + (f" (and {more} more; no case could be evaluated)" if more else "")
    return (
        f"{predictions}: holds no prediction for any of the {len(found.pairs)} references, "
        "expected files of the same names"
    )
