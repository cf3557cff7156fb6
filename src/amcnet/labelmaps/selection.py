"""Select structures by name, kind or group."""

import difflib
import re
from collections.abc import Iterable

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.io.plain_names import comparable_text


def find_structures(table: LabelTable, names: Iterable[str] | str) -> tuple[int, ...]:
    """Return the values of structures given by name, kind or group.

    Args:
        table: Any label table.
        names: Names of structures, kinds (``bone`` or ``bones``) and groups (``thumb``), also
            several in one string, separated by commas. Letter case is ignored, and ``_`` counts as
            a space.

    Returns:
        The values, ascending, without repeats.

    Raises:
        InputError: If a name is unknown, or none is given.

    Example:
        >>> from amcnet.anatomy import hand_label_table
        >>> find_structures(hand_label_table(), ["thumb", "second metacarpal bone"])
        (1, 2, 3, 4, 5, 6, 14)
    """
    known = _values_by_name(table)
    found: set[int] = set()
    for name in _separate([names] if isinstance(names, str) else names, known):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3)
            expected = " or ".join(f"'{match}'" for match in close) or "one of its structures"
            raise InputError(f"'{name}' is not in the label table, expected {expected}")
        found |= known[name]
    if not found:
        raise InputError("no structures were named, expected at least one")
    return tuple(sorted(found))


def mask_names(table: LabelTable) -> dict[int, str]:
    """Return a file name without extension for every label value.

    Example:
        >>> from amcnet.anatomy import hand_label_table
        >>> mask_names(hand_label_table())[1]
        'distal_phalanx_of_thumb'
    """
    plain = {s.value: re.sub(r"[^\w.-]+", "_", s.name).strip("._") for s in table}
    taken = [comparable_text(name) for name in plain.values()]
    return {
        value: name if name and taken.count(comparable_text(name)) == 1 else f"{name}_{value}"
        for value, name in plain.items()
    }


def _separate(names: Iterable[str], known: dict[str, set[int]]) -> list[str]:
    """Split at commas that are not part of a known name; return names in plain form."""
    plain = []
    for text in names:
        parts = [text] if _plain(text) in known else text.split(",")
        plain += [_plain(part) for part in parts if part.strip()]
    return plain


def _values_by_name(table: LabelTable) -> dict[str, set[int]]:
    known: dict[str, set[int]] = {}
    for structure in table:
        kind, group = _plain(structure.kind), _plain(structure.group)
        for name in {kind, _plural(kind), group} - {""}:
            known.setdefault(name, set()).add(structure.value)
    # A name means one structure, even if a kind or group has the same name.
    return known | {_plain(structure.name): {structure.value} for structure in table}


def _plain(name: str) -> str:
    return " ".join(comparable_text(name).replace("_", " ").split())


def _plural(kind: str) -> str:
    if not kind:
        return ""
    return f"{kind[:-2]}es" if kind.endswith("is") else f"{kind}s"
