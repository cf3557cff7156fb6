"""Label tables: the one place that knows which value stands for which structure."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from amcnet.errors import InputError

IGNORE = 255  # label of voxels that nobody has judged; no structure has it


_MOST_STRUCTURES = 65535  # label files have 16 bits at most
_NOT_IN_NAMES = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves, line breaks


@dataclass(frozen=True)
class Structure:
    """One labelled structure.

    Attributes:
        value: Label value, 1 or greater (0 is background).
        name: Full anatomical name.
        kind: Free group name, for example ``bone`` or ``epiphysis``; tables are summarised by it.
        group: Chain that the structure belongs to, for example a finger.
        segment: Place within the chain, for example ``middle phalanx``.
        color_rgb: Display colour, three values of 0-255.
        codes: Terminology codes by scheme, for example ``{"FMA": "23945"}``.
        neighbours: Values of the structures next to it along the chain.

    Example:
        >>> Structure(1, "distal phalanx of thumb", kind="bone", group="thumb").kind
        'bone'
    """

    value: int
    name: str
    kind: str = "structure"
    group: str = ""
    segment: str = ""
    color_rgb: tuple[int, int, int] = (128, 128, 128)
    codes: dict[str, str] = field(default_factory=dict)
    neighbours: tuple[int, ...] = ()


@dataclass(frozen=True)
class LabelTable:
    """All structures of a segmentation task, in the order of their values 1, 2, ..., N.

    Attributes:
        structures: At most 254; ``table[value]`` is the structure of a label value.

    Raises:
        InputError: If values are not consecutive from 1, names repeat, a neighbour is unknown, or
            something is of another type than :class:`Structure` says.

    Example:
        >>> table = LabelTable((Structure(1, "L1", "vertebra"), Structure(2, "L2", "vertebra")))
        >>> len(table), table.num_classes, table[2].name, table.kinds
        (2, 3, 'L2', ('vertebra',))
    """

    structures: tuple[Structure, ...]

    def __post_init__(self) -> None:
        if len(self.structures) > _MOST_STRUCTURES:
            raise InputError(
                f"label table: found {len(self.structures)} structures, expected at most "
                f"{_MOST_STRUCTURES}"
            )
        for structure in self.structures:
            _check_types(structure)
        values = [structure.value for structure in self.structures]
        expected = list(range(1, len(values) + 1))
        if values != expected:
            raise InputError(
                f"label table: values are {values}, expected 1 to {len(values)} in order"
            )
        names = [structure.name for structure in self.structures]
        unusable = [name for name in names if not _is_name(name)]
        if unusable:
            raise InputError(
                f"label table: found the name {unusable[0]!r}, expected text in one line without "
                "control characters"
            )
        repeated = sorted(name for name, count in Counter(names).items() if count > 1)
        if repeated:
            raise InputError(f"label table: names must differ, found more than once: {repeated}")
        for structure in self.structures:
            unknown = set(structure.neighbours) - set(values)
            if unknown:
                raise InputError(
                    f"label table: '{structure.name}' has neighbours {sorted(unknown)}, "
                    f"expected values between 1 and {len(values)}"
                )

    def __len__(self) -> int:
        return len(self.structures)

    def __iter__(self) -> Iterator[Structure]:
        return iter(self.structures)

    def __getitem__(self, value: int) -> Structure:
        if not 1 <= value <= len(self.structures):
            raise KeyError(f"label {value}: expected 1 to {len(self.structures)}")
        return self.structures[value - 1]

    @property
    def num_classes(self) -> int:
        """Number of classes of a network for this table: the structures and the background."""
        return len(self.structures) + 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """The different kinds, in order of first appearance."""
        return tuple(dict.fromkeys(structure.kind for structure in self.structures))

    def values_of_kind(self, kind: str) -> tuple[int, ...]:
        """Return the label values of all structures of one kind."""
        return tuple(s.value for s in self.structures if s.kind == kind)

    @property
    def values_by_name(self) -> dict[str, int]:
        """Every name with its value, the background first: the labels of a ``dataset.json``."""
        return {"background": 0} | {structure.name: structure.value for structure in self}

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the table as plain data that JSON can hold."""
        return [asdict(structure) for structure in self.structures]

    @classmethod
    def from_dicts(cls, rows: list[dict[str, Any]]) -> "LabelTable":
        """Build a table from what :meth:`to_dicts` returned.

        Raises:
            InputError: If a row has unknown or missing fields.
        """
        try:
            structures = tuple(
                Structure(
                    **row
                    | {
                        "color_rgb": tuple(row.get("color_rgb", (128, 128, 128))),
                        "neighbours": tuple(row.get("neighbours", ())),
                    }
                )
                for row in rows
            )
        except (TypeError, AttributeError) as error:
            raise InputError(f"label table: {error}") from error
        return cls(structures)

    @classmethod
    def from_names(cls, names: Iterable[str]) -> "LabelTable":
        """Build a plain table (values 1, 2, ...) from names alone, with generated colours.

        Raises:
            InputError: If the names are invalid, or one text instead of several.
        """
        if isinstance(names, str):
            raise InputError(f"names: found the text '{names}', expected a list of names")
        return cls(
            tuple(
                Structure(value=i, name=name, color_rgb=_generated_color(i))
                for i, name in enumerate(names, start=1)
            )
        )


def _generated_color(index: int) -> tuple[int, int, int]:
    """Spread hues by the golden ratio, so that consecutive values are far apart."""
    import colorsys

    red, green, blue = colorsys.hls_to_rgb(index * 0.381966 % 1.0, 0.45 + 0.15 * (index % 2), 0.75)
    return round(red * 255), round(green * 255), round(blue * 255)


def _check_types(structure: Structure) -> None:
    """Check what a file from a stranger may have put into a structure, its name excepted."""
    texts = [structure.kind, structure.group, structure.segment]
    codes = structure.codes
    texts += [*codes, *codes.values()] if isinstance(codes, dict) else [codes]
    whole = [structure.value, *structure.color_rgb, *structure.neighbours]
    if not all(isinstance(text, str) and _is_one_line(text) for text in texts):
        raise InputError(
            f"label table: structure {structure.value!r} has kind, group, segment and codes "
            f"{texts!r}, expected texts in one line without control characters"
        )
    if not all(type(number) is int for number in whole):
        raise InputError(
            f"label table: structure {structure.value!r} has value, colour and neighbours "
            f"{whole!r}, expected whole numbers"
        )
    color = structure.color_rgb
    if len(color) != 3 or min(color) < 0 or max(color) > 255:
        raise InputError(
            f"label table: structure {structure.value} has the colour {color!r}, expected three "
            "values of 0 to 255"
        )


def _is_name(name: object) -> bool:
    """Return whether a name can be written to every format: line breaks end a header's field."""
    return isinstance(name, str) and bool(name.strip()) and _is_one_line(name)


def _is_one_line(text: str) -> bool:
    return not any(unicodedata.category(character) in _NOT_IN_NAMES for character in text)
