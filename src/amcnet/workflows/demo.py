"""The demo: make a phantom, segment it, measure it, and compare it with the known truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.inference import Segmenter
from amcnet.io import make_folder, volume_from_array, write_image
from amcnet.measurement import Measurement, measure_structures
from amcnet.metrics import Preset, evaluate_case, with_headline
from amcnet.parallel import NamedProgress
from amcnet.phantom import Phantom, make_phantom
from amcnet.report import gather_views, preview_figure
from amcnet.workflows.measurement_tables import write_measurements_csv
from amcnet.workflows.output_files import write_figure


@dataclass(frozen=True)
class DemoResult:
    """Results of the demo.

    Attributes:
        description: One line about the phantom.
        measurements: Size of every segmented structure.
        evaluation: The segmentation against the truth, see :func:`amcnet.workflows.evaluate_pair`.
        notice: Notice of the model for its users.

    Example:
        >>> result = DemoResult("Phantom 7", [], {"summary": {"dice_macro": 0.8}}, "research only")
        >>> result.evaluation["summary"]["dice_macro"]
        0.8
    """

    description: str
    measurements: list[Measurement]
    evaluation: dict[str, Any]
    notice: str


def run_demo(out: Path, seed: int, progress: NamedProgress) -> DemoResult:
    """Write a phantom, its segmentation, a picture and the measurements.

    The files are ``hand.nrrd``, ``hand.seg.nrrd``, ``preview.png`` and ``measurements.csv``.

    Args:
        out: Output folder, created if necessary; files of an earlier demo are replaced.
        seed: Seed of the phantom.
        progress: Called with (stages done, number of stages, next stage).

    Raises:
        OutputError: If the folder cannot be made.

    Example:
        >>> Path("taken").touch()
        >>> run_demo(Path("taken"), seed=7, progress=print)
        Traceback (most recent call last):
        ...
        amcnet.errors.OutputError: taken: is a file, expected a folder
    """
    make_folder(out)
    progress(0, 5, "making the phantom")
    phantom = make_phantom(seed)
    progress(1, 5, "segmenting")
    volume = volume_from_array(phantom.image, phantom.spacing_mm)
    result = Segmenter()(volume)
    progress(2, 5, "writing")
    write_image(out / "hand.nrrd", phantom.image, volume.geometry, overwrite=True)
    result.write(out / "hand.seg.nrrd", overwrite=True)
    progress(3, 5, "measuring and evaluating")
    table, spacing_mm = result.table, result.spacing_mm
    measurements = measure_structures(result.labels, spacing_mm, table, result.confidence)
    write_measurements_csv(out / "measurements.csv", measurements)
    case = evaluate_case(phantom.labels, result.labels, spacing_mm, table=table).to_json()
    progress(4, 5, "drawing")
    description = _describe(phantom)
    views = gather_views(phantom.image, result.labels, spacing_mm, table)
    figure = preview_figure(views, table, title=description, footnote=result.notice)
    write_figure(out / "preview.png", figure)
    progress(5, 5, "done")
    evaluation = with_headline(case, Preset.STRICT)
    return DemoResult(description, measurements, evaluation, result.notice)


def _describe(phantom: Phantom) -> str:
    hand = phantom.hand
    return f"Phantom {phantom.seed}: {hand.side} hand of a {hand.sex}, {hand.age_years:.1f} years"
