"""Encode and decode the descriptions of segments in a DICOM segmentation."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from amcnet.anatomy.coding import ANATOMICAL_STRUCTURE, Concept, region_of, type_of
from amcnet.anatomy.label_table import Structure
from amcnet.io.dicom.character_sets import character_sets_of, checked_text
from amcnet.io.dicom.headers import numbers, value_of, whole_number
from amcnet.io.dicom.quiet_libraries import quiet_highdicom
from amcnet.io.segment_list import Segment
from amcnet.version import __version__

MANUFACTURER = "amcnet"
ALGORITHM = "AMCNet"
_ARTIFICIAL_INTELLIGENCE = Concept("DCM", "123110", "Artificial Intelligence")
_MAX_TEXT_BYTES = 64
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_XYZ_TO_RGB = np.array(
    [[3.24045, -1.53714, -0.49853], [-0.96927, 1.87601, 0.04156], [0.05564, -0.20403, 1.05723]]
)


def describe_segments(numbered: Iterable[tuple[int, Structure]]) -> list[Any]:
    """Describe structures as highdicom's segments.

    Args:
        numbered: Each structure with the number of its segment.
    """
    with quiet_highdicom() as hd:
        algorithm = hd.AlgorithmIdentificationSequence(
            name=ALGORITHM,
            family=_code(hd, _ARTIFICIAL_INTELLIGENCE),
            version=__version__,
            source=MANUFACTURER,
        )
        return [_describe(hd, number, structure, algorithm) for number, structure in numbered]


def _describe(hd: Any, number: int, structure: Structure, algorithm: Any) -> Any:  # noqa: ANN401
    region, label = region_of(structure), _cut(structure.name)
    described = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=_code(hd, ANATOMICAL_STRUCTURE),
        segmented_property_type=_code(hd, type_of(structure)),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        anatomic_regions=None if region is None else [_code(hd, region)],
        display_color=hd.color.CIELabColor.from_rgb(*structure.color_rgb),
    )
    if label != structure.name:
        described.SegmentDescription = structure.name
    return described


def _code(hd: Any, concept: Concept) -> Any:  # noqa: ANN401
    return hd.sr.CodedConcept(concept.code, concept.scheme, _cut(concept.meaning))


def _cut(text: str) -> str:
    """Cut a text to the maximum length of a label or of a code meaning."""
    return text.encode("utf-8")[:_MAX_TEXT_BYTES].decode("utf-8", errors="ignore")


def segments_of_header(header: Any) -> list[Segment]:  # noqa: ANN401
    """Return the segments of a segmentation, without the background of a label map.

    Raises:
        InputError: If a name is not text in the character set of the file. The text has no path.
    """
    background = value_of(header, "PixelPaddingValue")
    character_sets = character_sets_of(header)
    return [
        Segment(
            name=_name(item, character_sets),
            label_value=whole_number(item, "SegmentNumber"),
            layer=0,
            codes=_codes(item),
            color_rgb=_color(item),
        )
        for item in value_of(header, "SegmentSequence") or ()
        if whole_number(item, "SegmentNumber") != background
    ]


def _color(item: Any) -> tuple[int, int, int] | None:  # noqa: ANN401
    """Return the recommended display colour (CIELab, PS3.3 C.10.7.1.1) as sRGB, None if absent."""
    stored = numbers(item, "RecommendedDisplayCIELabValue", 3)
    if stored is None:
        return None
    lightness, a, b = (value / 65535 for value in stored)
    middle = (100 * lightness + 16) / 116
    curve = np.array([middle + (255 * a - 128) / 500, middle, middle - (255 * b - 128) / 200])
    xyz = np.where(curve > 6 / 29, curve**3, 3 * (6 / 29) ** 2 * (curve - 4 / 29)) * _WHITE
    linear = np.clip(_XYZ_TO_RGB @ xyz, 0, 1)
    display = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    red, green, blue = (round(float(value)) for value in 255 * display)
    return red, green, blue


def _name(item: Any, character_sets: Sequence[str]) -> str:  # noqa: ANN401
    """Return the label, or the description if the label is its truncated beginning."""
    label, whole = (str(value_of(item, k) or "") for k in ("SegmentLabel", "SegmentDescription"))
    what = f"the label of segment {whole_number(item, 'SegmentNumber')}"
    label = checked_text(label, character_sets, what)
    is_cut = len(label.encode("utf-8")) > _MAX_TEXT_BYTES - 4 and whole.startswith(label)
    return checked_text(whole, character_sets, what) if is_cut else label


def _codes(item: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401
    """Return anatomic region and type: either may identify the structure in other programs."""
    found = []
    for keyword in ("AnatomicRegionSequence", "SegmentedPropertyTypeCodeSequence"):
        for code in value_of(item, keyword) or ():
            scheme, value = (value_of(code, k) for k in ("CodingSchemeDesignator", "CodeValue"))
            if scheme and value:
                found.append((str(scheme), str(value)))
    return tuple(found)
