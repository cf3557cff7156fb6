"""``amcnet evaluate``: compare labels with a reference."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amcnet.cli.console import tell
from amcnet.cli.input_option import InputOption
from amcnet.cli.options import AxesOption, LabelsOption, SpacingOption

if TYPE_CHECKING:
    from amcnet.workflows.evaluate.evaluation_run import EvaluateOptions


class PresetChoice(StrEnum):
    """Preset of the reported figures."""

    strict = "strict"
    paper = "paper"


def evaluate(
    reference: Annotated[Path, typer.Argument(help="Reference label file, or a folder of them.")],
    prediction: Annotated[
        Path, typer.Argument(help="Predicted label file, or a folder of them with the same names.")
    ],
    _input: InputOption = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures to this JSON file.")
    ] = None,
    labels: LabelsOption = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    preset: Annotated[
        PresetChoice,
        typer.Option(
            help="strict: missing structures and cases count as missed; paper: they are skipped, "
            "as the AMCNet paper seems to do."
        ),
    ] = PresetChoice.strict,
    tolerance: Annotated[
        float, typer.Option(metavar="MM", help="Tolerance of the surface Dice in mm.")
    ] = 0.5,
    jobs: Annotated[
        int, typer.Option(help="Number of processes; each holds one case in memory.")
    ] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Compare segmentations with references: overlap, distances, lengths."""
    from amcnet.cli.console import stdout
    from amcnet.io import Reading
    from amcnet.metrics import Preset
    from amcnet.report.evaluation_table import evaluation_text
    from amcnet.workflows.evaluate.evaluation_run import EvaluateOptions, evaluate_pair
    from amcnet.workflows.label_names import find_label_names
    from amcnet.workflows.output_files import write_json

    _check_inputs(reference, prediction, json_file, overwrite)
    names = None if labels is None else find_label_names(labels)
    options = EvaluateOptions(
        table=None if names is None else names.table,
        ignore_value=None if names is None else names.ignore_value,
        preset=Preset(preset.value),
        surface_tolerance_mm=tolerance,
        jobs=jobs,
        reading=Reading(spacing, axes),
    )
    if reference.is_dir():
        result = _evaluate_folders(reference, prediction, options)
    else:
        result = evaluate_pair(reference, prediction, options)
    if json_file is not None:
        write_json(json_file, result)
    stdout().print(evaluation_text(result))
    if result.get("failed"):
        raise typer.Exit(2)


def _check_inputs(
    reference: Path, prediction: Path, json_file: Path | None, overwrite: bool
) -> None:
    from amcnet.errors import InputError, OutputError
    from amcnet.io import check_free, is_same_file

    if json_file is not None:
        check_free(json_file, overwrite)
        if is_same_file(json_file, reference) or is_same_file(json_file, prediction):
            raise OutputError(f"{json_file}: is an input too, expected another name")
    if reference.is_dir() and prediction.is_file():
        raise InputError(f"{prediction}: is a file, expected a folder, as {reference} is one")
    if prediction.is_dir() and reference.is_file():
        raise InputError(f"{prediction}: is a folder, expected a file, as {reference} is one")


def _evaluate_folders(
    reference: Path, prediction: Path, options: "EvaluateOptions"
) -> dict[str, Any]:
    """Evaluate, and report failed and unmatched cases on stderr."""
    from amcnet.cli.console import progress
    from amcnet.workflows.evaluate.evaluation_run import evaluate_folders

    with progress("evaluating") as update:
        result = evaluate_folders(reference, prediction, options, update)
    if missing := result["missing"]:
        how = "counted as missed" if options.preset.counts_missing_cases else "skipped"
        tell(f"{len(missing)} without a prediction, {how}: {', '.join(missing)}")
    if unmatched := result["unmatched"]:
        tell(f"{len(unmatched)} without a reference, skipped: {', '.join(unmatched)}")
    for error in result["failed"].values():
        tell(error)
    if failed := result["failed"]:
        total = len(failed) + len(result["cases"])
        tell(f"{len(failed)} of {total} cases not evaluated: {', '.join(failed)}")
    return result
