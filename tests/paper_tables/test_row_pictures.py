from pathlib import Path

import numpy as np

from amcnet.paper_tables.row_pictures import learning_curves, structure_map, write_row_pictures
from amcnet.paper_tables.row_results import RowResult
from amcnet.paper_tables.rows import paper_tables

from .made_rows import made_result

TABLE = paper_tables().tables["table1"]


def row(name: str, **facts: object) -> RowResult:
    made = made_result(name, {})
    return RowResult(made.facts.model_copy(update=facts), made.cases)


def test_every_structure_of_every_row_has_its_cell() -> None:
    results = {
        "vnet": row("vnet", structure_dice={"ulna": 0.25, "radius": 0.5}),
        "unet": row("unet", structure_dice={"ulna": 0.75}),
    }
    axes = structure_map(TABLE, results).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["UNet", "VNet"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["ulna", "radius"]
    shown = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown, [[0.75, 0.25], [np.nan, 0.5]])


def test_curves_are_over_the_hours() -> None:
    points = [{"hours": 0.5, "dice": 0.2}, {"hours": 1.0, "dice": 0.4}]
    results = {"unet": row("unet", curve=points), "vnet": row("vnet")}
    figure = learning_curves(TABLE, results)
    assert figure is not None
    (line,) = figure.axes[0].lines
    assert line.get_label() == "UNet"
    np.testing.assert_array_equal(line.get_xydata(), [[0.5, 0.2], [1.0, 0.4]])


def test_pictures_without_curves(tmp_path: Path) -> None:
    write_row_pictures("table1", TABLE, {"vnet": row("vnet", structure_dice={"a": 1.0})}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["table1-structures.png"]
