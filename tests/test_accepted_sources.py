"""What holds an array is an array everywhere, logits are told from labels, texts are not lists."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.data import read_dataset
from amcnet.errors import InputError
from amcnet.io import Geometry, read_labels, volume_from_array, write_image, write_labels
from amcnet.measurement import measure_structures
from amcnet.metrics import confusion_matrix, evaluate_case
from amcnet.quality import check_segmentation
from amcnet.report import Subject, gather_views
from amcnet.viewer import read_scene
from amcnet.workflows import (
    SegmentOptions,
    check_file,
    find_label_files,
    find_pairs,
    measure_files,
    names_of_files,
    plan_files,
    write_label_report,
)

TABLE = hand_label_table()
SPACING_MM = (1.0, 1.0, 0.5)
FUNCTIONS: dict[str, Callable] = {
    "evaluate_case": lambda x: evaluate_case(x, x, SPACING_MM, table=TABLE).to_json(),
    "measure_structures": lambda x: list(measure_structures(x, SPACING_MM, TABLE)),
    "check_segmentation": lambda x: check_segmentation(x, SPACING_MM, TABLE).to_dict(),
    "check with an image": lambda x: check_segmentation(x, SPACING_MM, TABLE, image=x).to_dict(),
    "Subject": lambda x: Subject(x, SPACING_MM, TABLE, x).check().to_dict(),
    "gather_views": lambda x: gather_views(x, x, SPACING_MM, TABLE).positions_mm,
    "confusion_matrix": lambda x: confusion_matrix(x, x, 39).tolist(),
    "volume_from_array": lambda x: volume_from_array(x, SPACING_MM).array.tolist(),
}


@pytest.fixture
def labels() -> np.ndarray:
    drawn = np.zeros((20, 18, 14), np.uint8)
    drawn[3:10, 3:12, 3:9], drawn[11:15, 3:12, 3:9] = 3, 4
    return drawn


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tensors_images_and_sequences_are_arrays(name: str, labels: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    expected = FUNCTIONS[name](labels)
    assert FUNCTIONS[name](torch.from_numpy(labels)) == expected
    if name != "volume_from_array":  # there is volume_from_image
        assert FUNCTIONS[name](sitk.GetImageFromArray(labels)) == expected
    assert FUNCTIONS[name](labels.tolist()) == expected


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "confusion_matrix"])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_logits_get_an_error_about_logits(name: str, as_tensor: bool) -> None:
    logits = np.zeros((39, 6, 5, 4), np.float32)
    if as_tensor:
        logits = pytest.importorskip("torch").from_numpy(logits)
    with pytest.raises(InputError, match=r"\(39, 6, 5, 4\), expected .*logits"):
        FUNCTIONS[name](logits)


def test_tensors_are_written(labels: np.ndarray, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    grid = Geometry.canonical(labels.shape, SPACING_MM)
    write_labels(tmp_path / "a.seg.nrrd", torch.from_numpy(labels), grid, TABLE)
    write_image(tmp_path / "a.nrrd", torch.from_numpy(labels), grid)
    assert np.array_equal(read_labels(tmp_path / "a.seg.nrrd").array, labels)


def test_a_text_is_one_path_or_name_and_never_its_letters(
    labels: np.ndarray, tmp_path: Path
) -> None:
    grid = Geometry.canonical(labels.shape, SPACING_MM)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    image, file = tmp_path / "images" / "a.nrrd", tmp_path / "labels" / "a.seg.nrrd"
    speckle = np.random.default_rng(0).integers(1, 200, labels.shape).astype(np.uint8)
    write_image(image, speckle, grid)
    write_labels(file, labels, grid, TABLE)
    out = tmp_path / "x.nrrd"
    expected = plan_files([image], out, SegmentOptions())
    for given in (str(image), image, [str(image)]):
        assert plan_files(given, str(out), SegmentOptions()) == expected
    for given in (str(file), file, [str(file)]):
        assert find_label_files(given) == [file]
        (outcome,) = measure_files(given)
        assert outcome.error is None
        assert names_of_files(given).table == TABLE
    assert check_file(str(file), str(image)) == check_file(file, image)
    write_label_report(str(tmp_path / "a.html"), str(file))
    assert read_scene(str(image), str(file)).name == "a.nrrd"
    assert len(find_pairs(str(file.parent), str(file.parent)).pairs) == 1
    assert [case.name for case in read_dataset(str(tmp_path)).cases] == ["a"]
    assert SegmentOptions(models="hand", only="thumb") == SegmentOptions(("hand",), only=("thumb",))
    with pytest.raises(InputError, match="found the text 'liver', expected a list"):
        LabelTable.from_names("liver")
