"""``amcnet adapt``: adapt a model to scans without labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amcnet.cli.input_option import InputOption
from amcnet.cli.options import ColourChoice, ColourOption, SearchedAxesOption, SpacingOption
from amcnet.errors import count_text

if TYPE_CHECKING:
    from amcnet.training.adaptation.adaptation import Adaptation


_NO_GAIN = 3  # exit status


def adapt(
    scans: Annotated[
        list[Path],
        typer.Argument(
            help="Scans without labels: volumes, DICOM folders, or folders of them.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Output folder, which then holds the model.")
    ],
    _input: InputOption = None,
    start_from: Annotated[
        str,
        typer.Option("--from", metavar="MODEL", help="Model to adapt: a bundle's folder or name."),
    ] = "hand",
    max_time: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Time for training, such as 30m or 2h; labelling comes on top."
        ),
    ] = "30m",
    rounds: Annotated[int, typer.Option(min=1, help="Most rounds of labelling and training.")] = 2,
    sure: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Structures with a lower predicted Dice are excluded from training.",
        ),
    ] = 0.7,
    axes: SearchedAxesOption = "auto",
    spacing: SpacingOption = None,
    colour: ColourOption = ColourChoice.luma,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted adaptation.")
    ] = False,
) -> None:
    """Adapt a model to scans without labels, by training on its own labels."""
    from amcnet.cli.training_output import hours_of, let_threads_sleep, show_log
    from amcnet.extras import require_extra

    let_threads_sleep()
    require_extra("train", "amcnet adapt")
    from amcnet.training.adaptation.adaptation import AdaptOptions
    from amcnet.training.adaptation.adaptation import adapt as run
    from amcnet.training.adaptation.self_labelling import SelfLabelling
    from amcnet.workflows.segment.file_names import find_inputs

    labelling = SelfLabelling(sure=sure, axes=axes, spacing_mm=spacing, colour=colour.value)
    options = AdaptOptions(
        start_from=start_from, max_hours=hours_of(max_time), rounds=rounds, labelling=labelling
    )
    show_log()
    _show(run(find_inputs(scans), out, options, resume), start_from)


def _show(adaptation: "Adaptation", start: str) -> None:
    from amcnet.cli.console import stdout

    for number, one in enumerate(adaptation.verdicts):
        when = f"after round {number}" if number else f"with {start}"
        structures = count_text(one.implausible, "implausible structure")
        stdout().print(f"{when}: expected Dice {one.expected_dice:.3f}, {structures}")
    if adaptation.model is None:
        stdout().print(f"no gain: no model was written, keep using {start}")
        raise typer.Exit(_NO_GAIN)
    stdout().print(
        f"{adaptation.model.folder}: the adapted model, expected gain {adaptation.gain:+.3f} "
        "(predicted, not measured); use it with amcnet segment --model"
    )
