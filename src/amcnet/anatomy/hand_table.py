"""The hand: 19 long bones and 19 epiphyses, read from the table that ships with the package."""

import csv
from functools import cache
from importlib.resources import files

from amcnet.anatomy.growth import RaySegment
from amcnet.anatomy.label_table import LabelTable, Structure

RAYS = ("thumb", "index finger", "middle finger", "ring finger", "little finger")


@cache
def hand_label_table() -> LabelTable:
    """Return the 38 structures of the hand, finger by finger from the thumb, distal to proximal.

    Example:
        >>> table = hand_label_table()
        >>> len(table), table[14].name
        (38, 'second metacarpal bone')
    """
    text = files("amcnet.anatomy").joinpath("hand.csv").read_text(encoding="utf-8")
    return LabelTable(tuple(_structure(row) for row in csv.DictReader(text.splitlines())))


def own_table_of(table: LabelTable) -> LabelTable:
    """Return the hand's own table, with its codes and colours, for a table of the hand's names.

    Any other table is returned as it is.

    Example:
        >>> own_table_of(LabelTable.from_names([s.name for s in hand_label_table()]))[1].kind
        'bone'
    """
    hand = hand_label_table()
    return hand if [s.name for s in table] == [s.name for s in hand] else table


def label_values(ray: int, segment: RaySegment) -> tuple[int, int]:
    """Return the label values of a bone of the hand and of its epiphysis.

    Args:
        ray: 1 for the thumb to 5 for the little finger.
        segment: Segment of the ray; the thumb has no middle phalanx.

    Raises:
        KeyError: If the ray has no such segment.

    Example:
        >>> label_values(2, "metacarpal")
        (14, 13)
    """
    return _values_by_place()[ray, segment]


@cache
def _values_by_place() -> dict[tuple[int, str], tuple[int, int]]:
    values = {(s.group, s.segment, s.kind): s.value for s in hand_label_table()}
    return {
        (RAYS.index(group) + 1, segment): (value, values[group, segment, "epiphysis"])
        for (group, segment, kind), value in values.items()
        if kind == "bone"
    }


def _structure(row: dict[str, str]) -> Structure:
    codes = {"FMA": row["fma"], "UBERON": row["uberon"].removeprefix("UBERON:")}
    red, green, blue = (int(row[channel]) for channel in ("red", "green", "blue"))
    return Structure(
        value=int(row["label"]),
        name=row["name"],
        kind=row["kind"],
        group=row["finger"],
        segment=row["segment"],
        color_rgb=(red, green, blue),
        codes=codes,
        neighbours=tuple(int(value) for value in row["neighbours"].split()),
    )
