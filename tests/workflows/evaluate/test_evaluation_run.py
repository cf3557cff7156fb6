from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import ConfigError, InputError
from amcnet.io import Geometry, write_labels
from amcnet.metrics import Preset, evaluate_case, summarise_cases
from amcnet.workflows.evaluate.evaluation_run import EvaluateOptions, evaluate_folders

SPACING_MM = (0.5, 0.4, 0.3)
TABLE = LabelTable((Structure(1, "bone", "bone"), Structure(2, "cap", "epiphysis")))


def labels_of(shift: int) -> np.ndarray:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[2:6, 2:6, shift : shift + 4] = 1
    labels[6:8, 2:6, 2:6] = 2
    return labels


def write(folder: Path, name: str, labels: np.ndarray, spacing_mm=SPACING_MM) -> None:
    folder.mkdir(exist_ok=True)
    write_labels(folder / name, labels, Geometry.canonical(labels.shape, spacing_mm), TABLE)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """a and b are judged, c has no prediction; z has no reference."""
    references, predictions = tmp_path / "references", tmp_path / "predictions"
    for name in "abc":
        write(references, f"{name}.nii.gz", labels_of(2))
    write(predictions, "a.seg.nrrd", labels_of(3))
    write(predictions, "b_0000.nrrd", labels_of(4))
    write(predictions, "z.nrrd", labels_of(2))
    return references, predictions


def test_cases_are_those_of_arrays(folders: tuple[Path, Path]) -> None:
    steps = []
    options = EvaluateOptions(TABLE, Preset.PAPER, surface_tolerance_mm=0.25)
    result = evaluate_folders(*folders, options, lambda *step: steps.append(step))
    expected = {
        name: evaluate_case(labels_of(2), labels_of(shift), SPACING_MM, 3, TABLE, 0.25).to_json()
        for name, shift in (("a", 3), ("b", 4))
    }
    assert list(result["cases"]) == ["a", "b"]
    for name, case in expected.items():
        for one, other in zip(result["cases"][name]["structures"], case["structures"], strict=True):
            assert one == pytest.approx(other, abs=1e-6)
    summary = summarise_cases(list(expected.values()))["summary"]
    assert result["headline"]["all"]["dice_foreground"] == summary["dice_foreground"]
    assert result["headline"]["epiphysis"]["f1_macro"] == 1
    assert result["cases"]["b"]["prediction"] == "b_0000.nrrd"
    assert (result["missing"], result["unmatched"], result["failed"]) == (["c"], ["z.nrrd"], {})
    assert steps == [(0, 2), (1, 2), (2, 2)]


def test_strict_counts_a_missing_prediction_as_missed(folders: tuple[Path, Path]) -> None:
    result = evaluate_folders(*folders, EvaluateOptions(TABLE))
    assert result["missing"] == ["c"]
    assert result["cases"]["c"]["prediction"] is None
    assert result["cases"]["c"]["summary"]["dice_macro"] == 0
    # The bone of four planes is shifted by one and by two, the cap is exact.
    dice = [(0.75 + 1) / 2, (0.5 + 1) / 2, 0]
    assert result["headline"]["all"]["dice_macro"] == pytest.approx(np.mean(dice))
    assert result["summary"]["structures_missed"] == 2


def test_one_bad_pair_does_not_stop_the_rest(folders: tuple[Path, Path]) -> None:
    references, predictions = folders
    (predictions / "b_0000.nrrd").write_bytes(b"damaged")
    write(predictions, "c.nrrd", labels_of(2), (1.0, 1.0, 1.0))
    alone = evaluate_folders(references, predictions, EvaluateOptions(TABLE))
    assert list(alone["cases"]) == ["a"]
    assert set(alone["failed"]) == {"b", "c"}
    assert "b_0000.nrrd" in alone["failed"]["b"]
    assert "c.nrrd: does not lie on the grid of" in alone["failed"]["c"]
    assert evaluate_folders(references, predictions, EvaluateOptions(TABLE, jobs=2)) == alone


def test_nothing_to_evaluate_is_an_error(folders: tuple[Path, Path], tmp_path: Path) -> None:
    references, _ = folders
    other = tmp_path / "other"
    write(other, "z.nrrd", labels_of(2))
    with pytest.raises(InputError, match="no prediction for any of the 3 references"):
        evaluate_folders(references, other, EvaluateOptions(TABLE, Preset.PAPER))
    for name in "abc":
        (other / f"{name}.nrrd").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"a\.nrrd: .*2 more; no case could be evaluated"):
        evaluate_folders(references, other, EvaluateOptions(TABLE))
    with pytest.raises(ConfigError, match="jobs"):
        evaluate_folders(*folders, EvaluateOptions(TABLE, jobs=0))
