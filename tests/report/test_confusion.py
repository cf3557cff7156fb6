from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.data import LabelNames
from amcnet.errors import InputError
from amcnet.io import Geometry, write_labels
from amcnet.report.confusion import confusion_figure, confusion_shares
from amcnet.workflows.evaluate.confusion_files import confusion_of_files
from amcnet.workflows.output_files import write_figure

TABLE = LabelTable.from_names(["one", "two"])
SHAPE = (3, 4, 5)


def write(path: Path, labels: np.ndarray, spacing_mm=(1.0, 1.0, 1.0)) -> Path:
    write_labels(path, labels, Geometry.canonical(labels.shape, spacing_mm), TABLE)
    return path


def test_counts_of_cases_add_up(tmp_path):
    rng = np.random.default_rng(0)
    arrays = rng.integers(0, 3, (2, 2, *SHAPE)).astype(np.uint8)
    pairs = [tuple(write(tmp_path / f"{i}{j}.nrrd", arrays[i, j]) for j in (0, 1)) for i in (0, 1)]
    found = confusion_of_files(pairs, LabelNames(TABLE))
    for reference in range(3):
        for prediction in range(3):
            both = (arrays[:, 0] == reference) & (arrays[:, 1] == prediction)
            assert found[reference, prediction] == both.sum()


def test_other_grids_are_refused(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    pair = (write(tmp_path / "a.nrrd", labels), write(tmp_path / "b.nrrd", labels, (1, 1, 2)))
    with pytest.raises(InputError, match=r"b\.nrrd: does not lie on the grid of .*a\.nrrd"):
        confusion_of_files([pair], LabelNames(TABLE))


def test_shares_are_of_the_reference():
    shares = confusion_shares(np.array([[6, 2, 0], [0, 0, 0], [1, 0, 3]]))
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0], [np.nan] * 3, [0.25, 0, 0.75]])


def test_the_picture_holds_the_shares_with_names_in_order():
    counts = np.array([[100, 0, 1], [0, 0, 0], [10, 0, 90]])
    axes = confusion_figure(counts, TABLE).axes[0]
    drawn = axes.images[0].get_array()
    np.testing.assert_array_equal(
        drawn.mask, [[False, True, False], [True] * 3, [False, True, False]]
    )
    assert drawn[2].compressed() == pytest.approx([0.1, 0.9])
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["background", "one", "two"]


def test_names_of_the_hand_fit_on_the_page():
    axes = confusion_figure(np.eye(39, dtype=np.int64), hand_label_table()).axes[0]
    # The longest: every extent takes a drawing of its own.
    longest = max(range(39), key=lambda i: len(axes.get_yticklabels()[i].get_text()))
    assert axes.get_yticklabels()[longest].get_window_extent().x0 > 0
    assert axes.get_xticklabels()[longest].get_window_extent().y0 > 0


def test_pictures_have_the_size_of_the_page(tmp_path):
    counts = np.eye(3, dtype=np.int64)
    write_figure(tmp_path / "c.png", confusion_figure(counts, TABLE))
    inches = confusion_figure(counts, TABLE).get_size_inches()
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size == pytest.approx(tuple(150 * inches), abs=1)


@pytest.mark.parametrize("counts", [np.zeros((2, 2), int), -np.ones((3, 3), int)])
def test_unusable_counts(counts):
    with pytest.raises(InputError, match=r"expected \(3, 3\) and counts from 0"):
        confusion_figure(counts, TABLE)


def test_names_with_dollar_signs_are_drawn_as_they_are(tmp_path):
    names = ["a$b$", "x_{1}$", "$"]
    table = LabelTable.from_names(names)
    figure = confusion_figure(np.eye(4, dtype=np.int64), table)
    write_figure(tmp_path / "c.png", figure)  # mathtext would raise here
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][1:] == names
