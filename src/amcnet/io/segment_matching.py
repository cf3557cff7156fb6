"""Match the segments of a file to a label table, by name, code or value."""

import re
from collections.abc import Sequence

from amcnet.anatomy.label_table import LabelTable
from amcnet.io.plain_names import plain_name
from amcnet.io.segment_list import Segment

# Default segment names of various programs: 'Segment_1', 'Label 3', '7', ''.
_GENERIC_NAME = re.compile(
    r"((new[ _]?)?(segment(ation)?|label|region|roi|mask|object|structure|class|value))?"
    r"[ _#-]*[0-9]*([ _-][0-9]+)*"
)
# Codes that mean no more than "some tissue", by scheme and code.
_GENERIC_CODES = {
    ("SCT", "85756007"), ("SRT", "T-D0050"), ("SNM3", "T-D0050"), ("SCT", "123037004"),
    ("SRT", "T-D000A"), ("SCT", "91723000"),
}  # fmt: skip


def is_generic(segment: Segment) -> bool:
    """Return whether a segment has only a default name and no code."""
    has_code = any(code not in _GENERIC_CODES for code in segment.codes)
    return not has_code and _GENERIC_NAME.fullmatch(plain_name(segment.name)) is not None


def match_segments(segments: Sequence[Segment], table: LabelTable) -> list[int | None]:
    """Find the value of each segment in a label table; None if the table does not contain it.

    Names count first, then terminology codes. If all segments are generic (``Segment_1``, without a
    code of their own), their label values count instead, see :func:`are_numbered`.

    Args:
        segments: The segments of one file.
        table: The label table.
    """
    if are_numbered(segments, table):
        return [
            segment.label_value if 1 <= segment.label_value <= len(table) else None
            for segment in segments
        ]
    return _values_of(segments, table)


def are_numbered(segments: Sequence[Segment], table: LabelTable) -> bool:
    """Return whether the segments of a file can be identified only by their label values.

    True if no segment is known by name or code, and none has its own name or code: otherwise the
    values belong to another table.
    """
    is_known = any(value is not None for value in _values_of(segments, table))
    return bool(segments) and not is_known and all(map(is_generic, segments))


def _values_of(segments: Sequence[Segment], table: LabelTable) -> list[int | None]:
    by_name = {plain_name(structure.name): structure.value for structure in table}
    by_code = {code: s.value for s in table for code in s.codes.items()}
    return [
        by_name.get(
            plain_name(segment.name),
            next((by_code[code] for code in segment.codes if code in by_code), None),
        )
        for segment in segments
    ]
