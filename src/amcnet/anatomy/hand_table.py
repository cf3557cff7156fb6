"""The hand: 19 long bones and 19 epiphyses, read from the table that ships with the package."""

import csv
from functools import cache
from importlib.resources import files

from amcnet.anatomy.label_table import LabelTable, Structure


@cache
def hand_label_table() -> LabelTable:
    """Return the 38 structures of the hand, finger by finger from the thumb, distal to proximal."""
    text = files("amcnet.anatomy").joinpath("hand.csv").read_text(encoding="utf-8")
    return LabelTable(tuple(_structure(row) for row in csv.DictReader(text.splitlines())))


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
