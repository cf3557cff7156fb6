"""Expected sizes of hand bones, given the scale of the hand, for any table that names them.

Adult lengths and mid-shaft sizes (:mod:`amcnet.anatomy.growth`) are multiplied by one scale for the
whole hand. Until they fuse, the epiphysis and the growth plate are not part of the shaft.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import exp, log

from amcnet.anatomy import LabelTable, hand_label_table, label_values
from amcnet.anatomy.growth import ADULT_SIZE_MM, EPIPHYSIS_THICKNESS_RATIO, BoneKey, RaySegment

PLATE_MM = 1.0
# A table with fewer bones of the hand is not checked as a hand.
_FEWEST_BONES = 5
# Logarithm of a shaft's volume relative to length x width x thickness at mid-shaft, medians over
# phantoms of 2 to 16 years.
_LOG_FILLING: dict[RaySegment, float] = {
    "metacarpal": -0.15,
    "proximal phalanx": -0.08,
    "middle phalanx": -0.115,
    "distal phalanx": -0.195,
}
# Likewise for epiphyses as wide as the end of the shaft, which is wider than mid-shaft.
_LOG_CAP_FILLING = 0.24


@dataclass(frozen=True)
class Bone:
    """A bone of the hand in some label table.

    Attributes:
        key: (ray, segment); the thumb is ray 1.
        shaft: Label value of the bone.
        epiphysis: Label value of its epiphysis, None if the table has none.
    """

    key: BoneKey
    shaft: int
    epiphysis: int | None

    def log_length(self, log_scale: float, fused: bool) -> float:
        """Return the logarithm of the expected length in mm at a scale relative to an adult."""
        return log(self._length_mm(log_scale, fused))

    def log_volume(self, log_scale: float, fused: bool) -> float:
        """Return the logarithm of the expected volume in mm3, for an average slenderness."""
        _, width, thickness = ADULT_SIZE_MM[self.key]
        across_mm2 = log(width * thickness) + 2 * log_scale
        return self.log_length(log_scale, fused) + across_mm2 + _LOG_FILLING[self.key[1]]

    def log_scale(self, length_mm: float, fused: bool) -> float:
        """Return the logarithm of the scale at which the bone has a length."""
        adult_mm = ADULT_SIZE_MM[self.key][0]
        if fused:
            return log(length_mm / adult_mm)
        return log((length_mm + PLATE_MM) / (adult_mm * (1 - self._cap_ratio)))

    def log_cap_volume(self, log_scale: float, log_girth: float) -> float:
        """Return the logarithm of the expected volume of the epiphysis in mm3.

        Args:
            log_scale: Logarithm of the hand's scale.
            log_girth: Logarithm of the epiphysis' width relative to the end of the shaft.
        """
        length, width, thickness = ADULT_SIZE_MM[self.key]
        block = log(length * self._cap_ratio * width * thickness) + 3 * log_scale
        return block + _LOG_CAP_FILLING + 3 * log_girth

    def cartilage_mm(self, log_scale: float) -> float:
        """Return the distance from the shaft to the joint while the epiphysis is cartilage."""
        cap_mm: float = ADULT_SIZE_MM[self.key][0] * self._cap_ratio * exp(log_scale)
        return cap_mm + PLATE_MM

    @property
    def _cap_ratio(self) -> float:
        return EPIPHYSIS_THICKNESS_RATIO[self.key[1]]

    def _length_mm(self, log_scale: float, fused: bool) -> float:
        whole_mm = ADULT_SIZE_MM[self.key][0] * exp(log_scale)
        return whole_mm if fused else max(whole_mm * (1 - self._cap_ratio) - PLATE_MM, 1.0)


@dataclass(frozen=True)
class HandPlan:
    """The bones of a hand in a label table.

    Attributes:
        bones: Distal to proximal, finger by finger from the thumb.
    """

    bones: tuple[Bone, ...]

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """Shafts that lie side by side, one row per segment; of the thumb, only the metacarpal."""
        return tuple(
            tuple(
                bone.shaft
                for bone in self.bones
                if bone.key[1] == segment and (bone.key[0] > 1 or segment == "metacarpal")
            )
            for segment in EPIPHYSIS_THICKNESS_RATIO
        )

    @property
    def shafts(self) -> tuple[int, ...]:
        """The label values of all bones."""
        return tuple(bone.shaft for bone in self.bones)

    @cached_property
    def segments(self) -> dict[int, str]:
        """Label value of each bone and epiphysis -> its segment, distinguishing the two kinds."""
        shafts = {bone.shaft: bone.key[1] for bone in self.bones}
        return shafts | {v: f"epiphysis of {bone.key[1]}" for v, bone in self.epiphyses.items()}

    @cached_property
    def epiphyses(self) -> dict[int, Bone]:
        """Label value of each epiphysis -> its bone."""
        return {bone.epiphysis: bone for bone in self.bones if bone.epiphysis is not None}


def is_hand_table(table: LabelTable) -> bool:
    """Return whether a table names enough bones of the hand to be checked as a hand.

    Example:
        >>> is_hand_table(hand_label_table())
        True
        >>> is_hand_table(LabelTable.from_names(["liver", "spleen"]))
        False
    """
    return plan_of(table) is not None


def plan_of(table: LabelTable) -> HandPlan | None:
    """Find the bones of the hand in a table, by name; None if there are fewer than five."""
    values, hand = table.values_by_name, hand_label_table()
    bones = []
    for key in _in_order(ADULT_SIZE_MM):
        shaft, epiphysis = (values.get(hand[value].name) for value in label_values(*key))
        if shaft is not None:
            bones.append(Bone(key, shaft, epiphysis))
    return HandPlan(tuple(bones)) if len(bones) >= _FEWEST_BONES else None


def _in_order(keys: Iterable[BoneKey]) -> list[BoneKey]:
    return sorted(keys, key=lambda key: label_values(*key))
