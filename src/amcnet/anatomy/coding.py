"""Coded concepts of structures, as DICOM and 3D Slicer write them."""

from typing import NamedTuple

from amcnet.anatomy.label_table import Structure


class Concept(NamedTuple):
    """A code with the scheme that it belongs to and what it means."""

    scheme: str
    code: str
    meaning: str


ANATOMICAL_STRUCTURE = Concept("SCT", "123037004", "Anatomical Structure")
TISSUE = Concept("SCT", "85756007", "Tissue")  # 3D Slicer's choice where there is no code
_HAND = Concept("SCT", "85562004", "Hand")
_THUMB = Concept("SCT", "76505004", "Thumb")
_FINGER = Concept("SCT", "7569003", "Finger")


def type_of(structure: Structure) -> Concept:
    """Return what a structure is: its FMA concept, or just tissue where it has none."""
    fma = structure.codes.get("FMA")
    return Concept("FMA", fma, structure.name) if fma else TISSUE


def region_of(structure: Structure) -> Concept | None:
    """Return the region of the body that a structure of a hand lies in; None for any other.

    Phalanges lie in their finger; metacarpals lie in the hand (DICOM PS3.16, CID 4031).
    """
    group = structure.group.casefold()
    if group != "thumb" and not group.endswith("finger"):
        return None
    if "phalanx" not in structure.segment.casefold():
        return _HAND
    return _THUMB if group == "thumb" else _FINGER
