"""``amcnet confusion``: the confusion matrix as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.console import tell
from amcnet.cli.input_option import InputOption
from amcnet.cli.options import AxesOption, LabelsOption, SpacingOption
from amcnet.errors import count_text


def confusion(
    reference: Annotated[Path, typer.Argument(help="Reference label file, or a folder of them.")],
    prediction: Annotated[
        Path, typer.Argument(help="Predicted label file, or a folder of them with the same names.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Picture to write: .png .pdf .svg.")
    ],
    _input: InputOption = None,
    labels: LabelsOption = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Draw the confusion matrix of label files, summed over folders."""
    from amcnet.cli.console import progress, stdout
    from amcnet.errors import InputError
    from amcnet.io import Reading, check_output
    from amcnet.report.confusion import confusion_figure
    from amcnet.workflows.evaluate.confusion_files import confusion_of_files
    from amcnet.workflows.evaluate.pairs import find_pairs
    from amcnet.workflows.label_names import find_label_names, names_of_files
    from amcnet.workflows.output_files import FIGURE_EXTENSIONS, write_figure

    check_output(output, overwrite, FIGURE_EXTENSIONS)
    if reference.is_dir() != prediction.is_dir():
        found, expected = ("a folder", "a file") if prediction.is_dir() else ("a file", "a folder")
        raise InputError(f"{prediction}: is {found}, expected {expected}, as {reference} is one")
    pairs, skipped = [(reference, prediction)], []
    if reference.is_dir():
        cases = find_pairs(reference, prediction)
        pairs = [(case.reference, case.prediction) for case in cases.pairs if case.prediction]
        skipped = [f"{c.name}: has no prediction" for c in cases.pairs if not c.prediction]
        skipped += cases.ambiguous.values()
        skipped += [f"{path.name}: has no reference" for path in cases.unmatched]
        if not pairs:
            raise InputError(
                f"{prediction}: holds no prediction for any reference, expected at least one"
            )
    for reason in skipped:
        tell(f"skipped: {reason}")
    files = [path for pair in pairs for path in pair]
    reading = Reading(spacing, axes)
    names = names_of_files(files, reading) if labels is None else find_label_names(labels)
    with progress("counting") as update:
        total = confusion_of_files(pairs[:1], names, reading)
        for done, pair in enumerate(pairs[1:], start=1):
            update(done, len(pairs))
            total += confusion_of_files([pair], names, reading)
    write_figure(output, confusion_figure(total, names.table))
    count = count_text(len(pairs), "pair")
    stdout().print(f"{output}: {count} of files, {int(total[1:].sum())} labelled voxels")
