"""Record what was measured of a model in its bundle: scores, and the calibration."""

from pathlib import Path

from amcnet.bundle.bundle import load_bundle, write_bundle_description
from amcnet.bundle.description import BundleDescription, Scores
from amcnet.bundle.dice_calibration import DiceCalibration


def record_scores(model: str | Path, scores: Scores) -> BundleDescription:
    """Write scores into the description of a bundle; ``amcnet models list`` shows them.

    Args:
        model: Folder of the bundle, run folder or name of an installed model.
        scores: The scores; they replace earlier scores with the same ``scores.data``.

    Returns:
        The bundle's new description.

    Raises:
        ModelError: If there is no such bundle, or it is damaged.
        OutputError: If the description cannot be written.

    Example:
        >>> import shutil
        >>> from amcnet.bundle.locate import default_bundle_folder
        >>> _ = shutil.copytree(default_bundle_folder(), "model")
        >>> scores = Scores(data="ten phantoms", cases=10, figures={"dice": 0.82})
        >>> [s.cases for s in record_scores("model", scores).scores if s.data == "ten phantoms"]
        [10]
    """
    bundle = load_bundle(model)
    others = [known for known in bundle.description.scores if known.data != scores.data]
    described = bundle.description.model_copy(update={"scores": [*others, scores]})
    write_bundle_description(bundle.folder, described)
    return described


def record_calibration(model: str | Path, calibration: DiceCalibration) -> BundleDescription:
    """Write a calibration into a bundle; from then on the model's results have predictions.

    Args:
        model: Folder of the bundle, run folder or name of an installed model.
        calibration: The calibration; it replaces an earlier one.

    Returns:
        The bundle's new description.

    Raises:
        ModelError: If there is no such bundle, or it is damaged.
        OutputError: If the description cannot be written.

    Example:
        >>> import shutil
        >>> from amcnet.bundle.dice_calibration import DiceWeights
        >>> from amcnet.bundle.locate import default_bundle_folder
        >>> _ = shutil.copytree(default_bundle_folder(), "calibrated")
        >>> weights = DiceWeights(intercept=0.0, weights={"expected dice": 4.0})
        >>> calibration = DiceCalibration(data="x", cases=5, structures=190, first_stage=weights)
        >>> record_calibration("calibrated", calibration).calibration.structures
        190
    """
    bundle = load_bundle(model)
    described = bundle.description.model_copy(update={"calibration": calibration})
    write_bundle_description(bundle.folder, described)
    return described
