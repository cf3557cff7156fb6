import numpy as np
import pytest
from matplotlib.patches import Rectangle

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.report.boxplots import boxplot_figure
from amcnet.workflows.output_files import write_figure

from .made_results import evaluations

HAND = hand_label_table()


def boxes(axes) -> list[Rectangle]:
    return [box for container in axes.containers for box in container]


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(0)
    dice, hd95_mm = rng.random((10, 38)), 8 * rng.random((10, 38))
    hd95_mm[:3, 4] = np.nan
    hd95_mm[:, 7] = np.nan
    return evaluations(HAND, dice=dice, hd95_mm=hd95_mm)


@pytest.fixture(scope="module")
def figure(cases):
    return boxplot_figure(cases)


def test_every_structure_has_a_row_in_table_order(figure):
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [structure.name for structure in HAND]
    for axes in figure.axes:
        assert list(axes.get_yticks()) == list(range(38))
        bottom, top = axes.get_ylim()
        assert bottom > top  # the first structure at the top
    assert [axes.get_xlabel() for axes in figure.axes] == ["Dice", "HD95, mm"]


def test_boxes_reach_from_quartile_to_quartile(figure, cases):
    for axes, metric in zip(figure.axes, ("dice", "hd95_mm"), strict=True):
        found = {round(box.get_y() + box.get_height() / 2): box for box in boxes(axes)}
        for row in range(38):
            values = [case["structures"][row][metric] for case in cases.values()]
            known = [value for value in values if value is not None]
            assert (row in found) == bool(known)
            if known:
                left, width = found[row].get_x(), found[row].get_width()
                assert (left, left + width) == pytest.approx(np.percentile(known, (25, 75)))


def test_kinds_have_their_colours(figure):
    colors = {kind: set() for kind in HAND.kinds}
    for box, structure in zip(boxes(figure.axes[0]), HAND, strict=True):
        colors[structure.kind].add(box.get_edgecolor())
    assert [len(found) for found in colors.values()] == [1, 1]
    assert not colors["bone"] & colors["epiphysis"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(HAND.kinds)


def test_missing_values_are_counted(figure):
    assert [text.get_text() for text in figure.axes[1].texts] == ["7 of 10", "0 of 10"]
    assert not figure.axes[0].texts


def test_names_stay_on_the_page(figure):
    for label in figure.axes[0].get_yticklabels():
        assert label.get_window_extent().x0 > 0


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf"])
def test_other_tables_one_case_and_every_format(tmp_path, name):
    table = LabelTable.from_names(["liver", "spleen"])
    values = np.array([[0.5, np.nan]])
    write_figure(tmp_path / name, boxplot_figure(evaluations(table, assd_mm=values), ["assd_mm"]))
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[name[2:]]
    assert (tmp_path / name).read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 1


def test_names_with_dollar_signs_are_drawn_as_they_are(tmp_path):
    table = LabelTable((Structure(1, "a$b$", kind="x_{1}$"), Structure(2, "$")))
    figure = boxplot_figure(evaluations(table, dice=np.array([[0.5, 0.6]])), ["dice"])
    write_figure(tmp_path / "a.png", figure)  # mathtext would raise here
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a$b$", "$"]
