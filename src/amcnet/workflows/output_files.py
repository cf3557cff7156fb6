"""Write texts, JSON, tables and figures to files, which appear complete or not at all."""

import json
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amcnet.io.atomic_files import write_atomically
from amcnet.io.image_writing import check_extension
from amcnet.report.fonts import fonts_for
from amcnet.report.summary_table import SummaryTable, csv_text, json_text, markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE_EXTENSIONS = (".html", ".htm")
FIGURE_EXTENSIONS = (".png", ".pdf", ".svg")
TABLE_EXTENSIONS = (".csv", ".json", ".md")

_DPI = 150
_TABLE_TEXTS = {".md": markdown, ".csv": csv_text, ".json": json_text}


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8 without converting line ends.

    Raises:
        OutputError: If the file cannot be written.

    Example:
        >>> write_text(Path("notes.txt"), "done")
        >>> Path("notes.txt").read_text()
        'done'
    """
    write_atomically(path, text)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write data as JSON without NaN and Infinity.

    Raises:
        OutputError: If the file cannot be written.

    Example:
        >>> write_json(Path("figures.json"), {"dice": 0.9})
        >>> json.loads(Path("figures.json").read_text())
        {'dice': 0.9}
    """
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def write_figure(path: Path, figure: "Figure") -> None:
    """Write a Matplotlib figure in the format of the extension: .png, .pdf or .svg.

    Raises:
        OutputError: If the extension is unknown, or the file cannot be written.

    Example:
        >>> from matplotlib.figure import Figure
        >>> write_figure(Path("empty.png"), Figure())
        >>> Path("empty.png").read_bytes()[1:4]
        b'PNG'
    """
    extension = check_extension(path, FIGURE_EXTENSIONS)
    picture = BytesIO()
    with fonts_for(figure, f"{path}"):
        figure.savefig(picture, format=extension[1:], dpi=_DPI, facecolor=figure.get_facecolor())
    write_atomically(path, picture.getvalue())


def write_table(path: Path, table: SummaryTable) -> None:
    """Write a table in the format of the extension: .md, .csv or .json.

    Raises:
        OutputError: If the extension is unknown, or the file cannot be written.

    Example:
        >>> from amcnet.report.summary_table import Column
        >>> table = SummaryTable("Dice", (Column("dice", "Dice"),), ((0.9,),))
        >>> write_table(Path("dice.csv"), table)
        >>> Path("dice.csv").read_text().splitlines()
        ['dice', '0.9']
    """
    write_text(path, _TABLE_TEXTS[check_extension(path, TABLE_EXTENSIONS)](table))
