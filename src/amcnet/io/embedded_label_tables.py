"""Label tables embedded in label files: the names of their segments."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amcnet.anatomy.hand_table import hand_label_table
from amcnet.anatomy.label_table import LabelTable
from amcnet.errors import InputError
from amcnet.io.label_reading import read_segments
from amcnet.io.plain_names import plain_name, printable_name
from amcnet.io.segment_list import Segment
from amcnet.io.segment_matching import is_generic, match_segments

_IGNORE = "ignore"  # segment name for unlabelled voxels


def read_embedded_label_table(
    path: str | Path, known: Sequence[LabelTable] | None = None
) -> LabelTable | None:
    """Read the label table that a file contains.

    3D Slicer (``.seg.nrrd``) and DICOM segmentations name their segments. Pass the table to
    :func:`amcnet.io.read_labels`, which then returns its values.

    Args:
        path: The label file.
        known: Complete label tables to choose from, the hand's by default. The first one that has
            all segments of the file is returned itself, with its kinds, codes and neighbours.

    Returns:
        The table; None for a file without segment names, such as a NIfTI file. Values are taken
        from the file if they are 1, 2, ..., N; otherwise segments are numbered in file order.

    Raises:
        InputError: If the header is damaged, or segments have the same name.

    Example:
        >>> import numpy as np
        >>> from amcnet.io.geometry import Geometry
        >>> from amcnet.io.label_writing import write_labels
        >>> grid = Geometry.canonical((4, 4, 4), (1.0, 1.0, 1.0))
        >>> labels = np.ones((4, 4, 4), np.uint8)
        >>> write_labels("knee.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> read_embedded_label_table("knee.seg.nrrd")[1].name
        'femur'
    """
    path = Path(path)
    segments = [s for s in read_segments(path) if plain_name(s.name) != _IGNORE]
    if not segments or all(map(is_generic, segments)):
        return None
    for table in (hand_label_table(),) if known is None else known:
        if all(value is not None for value in match_segments(segments, table)):
            return table
    try:
        return _own_table(segments)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _own_table(segments: Sequence[Segment]) -> LabelTable:
    names = [plain_name(segment.name) for segment in segments]
    shared = sorted({name for name in names if names.count(name) > 1})
    if shared:
        raise InputError(
            f"several segments have the names {', '.join(shared)}, expected different ones"
        )
    values = sorted(segment.label_value for segment in segments)
    if values == list(range(1, len(segments) + 1)):
        segments = sorted(segments, key=lambda segment: segment.label_value)
    structures = LabelTable.from_names([printable_name(s.name) or "unnamed" for s in segments])
    return LabelTable(
        tuple(
            replace(
                structure,
                color_rgb=segment.color_rgb or structure.color_rgb,
                codes=dict(segment.codes),
            )
            for structure, segment in zip(structures, segments, strict=True)
        )
    )
