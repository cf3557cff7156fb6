"""Plain text for terminals: widths in columns, wrapped lines, shortened names, tables."""

import re
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells

WIDTH = 80
"""Columns that tables are made for."""

TextRow = tuple[str, Sequence[str]]
"""A name and its cells."""

# (indentation, gap between columns): the first whose names fit is taken.
_SPACINGS = ((2, 2), (0, 2), (0, 1))
_ELLIPSIS = "…"


def padded(text: str, width: int) -> str:
    """Return a text with spaces up to a width in columns; wide characters count twice.

    >>> padded("手", 4) + "|"
    '手  |'
    """
    return text + " " * (width - cell_len(text))


def shortened(text: str, width: int) -> str:
    """Return a text of at most a width, shortened in the middle, where names differ least.

    >>> shortened("hand_830000_0000.nrrd", 13)
    'hand_8…0.nrrd'
    """
    if cell_len(text) <= width:
        return text
    if width < 2:
        return _ELLIPSIS[:width]
    head = chop_cells(text, (width - 1) // 2)[0] if width > 2 else ""
    tail = chop_cells(text[::-1], width - 1 - cell_len(head))[0][::-1]
    return head + _ELLIPSIS + tail


def wrapped(line: str, width: int, indent: int | None = None) -> list[str]:
    """Return a line broken at spaces into lines of at most a width, the further ones indented.

    A word that is longer than a line stays whole.

    Args:
        line: A line without line ends.
        width: In columns.
        indent: Indentation of the further lines [default: two more than that of the line].

    >>> wrapped("  look: too small, and of two parts", 18)
    ['  look: too small,', '    and of two', '    parts']
    """
    if cell_len(line) <= width:
        return [line]
    if indent is None:
        indent = len(line) - len(line.lstrip(" ")) + 2
    start, *rest = re.findall(r"\s*\S+", line) or [line]
    lines = [start]
    for word in rest:
        if cell_len(lines[-1]) + cell_len(word) <= width:
            lines[-1] += word
        else:
            lines.append(" " * indent + word.lstrip())
    return lines


def plain_table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[TextRow],
    footer: Sequence[TextRow] = (),
) -> list[str]:
    """Return the lines of a table of at most 80 columns with names that are never shortened.

    A name that does not fit stands on a line of its own.

    Args:
        title: Heading of the names.
        headings: Headings of the cells; a line end breaks one.
        rows: Names with their cells.
        footer: Further rows below a second rule.

    >>> print("\\n".join(plain_table("case", ["Dice", "HD95\\nmm"], [("a", ["0.912", "0.6"])])))
                   HD95
      case   Dice    mm
      -----------------
      a     0.912   0.6
    """
    heads = [heading.split("\n") for heading in headings]
    everything = (*rows, *footer)
    widths = [
        max(map(cell_len, [*head, *(cells[i] for _, cells in everything)]))
        for i, head in enumerate(heads)
    ]
    longest = max(map(cell_len, [title, *(name for name, _ in everything)]))
    room = [WIDTH - indent - sum(width + gap for width in widths) for indent, gap in _SPACINGS]
    fitting = [i for i, columns in enumerate(room) if longest <= columns]
    choice = fitting[0] if fitting else 0
    indent, gap = _SPACINGS[choice]
    column = max(cell_len(title), min(room[choice], longest))

    def line(name: str, cells: Sequence[str]) -> list[str]:
        values = "".join(
            " " * (gap + width - cell_len(cell)) + cell
            for cell, width in zip(cells, widths, strict=True)
        )
        if cell_len(name) > column:
            return [" " * indent + name, " " * (indent + column) + values]
        return [" " * indent + padded(name, column) + values]

    depth = max((len(head) for head in heads), default=1)
    lifted = [[""] * (depth - len(head)) + head for head in heads]
    lines = []
    for level in range(depth):
        lines += line(title if level == depth - 1 else "", [head[level] for head in lifted])
    rule = " " * indent + "-" * (column + sum(width + gap for width in widths))
    lines.append(rule)
    for name, cells in rows:
        lines += line(name, cells)
    if footer:
        lines.append(rule)
    for name, cells in footer:
        lines += line(name, cells)
    return [text.rstrip() for text in lines]
