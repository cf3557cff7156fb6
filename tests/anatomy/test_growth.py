import numpy as np
import pytest

from amcnet.anatomy.growth import (
    ADULT_SIZE_MM,
    COMPLETE_AGE_YEARS,
    EPIPHYSIS_THICKNESS_RATIO,
    carpals_ossified,
    epiphysis_state,
    epiphysis_width_ratio,
    fusion_years,
    ossification_onset_years,
    relative_size,
)

AGES = np.linspace(2, 16, 141)
# Median stature in cm by age, 20 years last: CDC growth charts, United States, 2000.
STATURE_AGES = (4, 6, 8, 10, 12, 14, 16, 20)
STATURE_CM = {
    "boy": (102.5, 115.4, 128.0, 138.6, 149.1, 164.0, 173.4, 176.8),
    "girl": (101.0, 115.0, 127.5, 138.3, 151.4, 160.3, 162.4, 163.3),
}
# Mean and standard deviation of lengths in mm, radiographs of 66 adults: Buryanov and Kotiuk,
# Proportions of hand segments, International Journal of Morphology 28, 2010, 755-758.
ADULT_LENGTHS_MM = {
    "metacarpal": ((46.2, 3.9), (68.1, 6.3), (64.6, 5.4), (58.0, 5.1), (53.7, 4.4)),
    "proximal phalanx": ((31.6, 3.1), (39.8, 4.9), (44.6, 3.8), (41.4, 3.9), (32.7, 2.8)),
    "middle phalanx": (None, (22.4, 2.5), (26.3, 3.0), (25.7, 3.3), (18.1, 2.5)),
    "distal phalanx": ((21.7, 1.6), (15.8, 2.3), (17.4, 1.9), (17.3, 2.2), (16.0, 2.5)),
}
# Gilsanz and Ratib, Hand Bone Age, Springer 2005: epiphyses of phalanges and metacarpals appear in
# these years, the middle finger's first, the little finger's middle phalanx last; all have fused at
# the age in the last column.
APPEARANCE_YEARS = {"girl": (10 / 12, 2.0, 15.0), "boy": (14 / 12, 3.0, 17.0)}
TOLERANCE_YEARS = 0.5


@pytest.mark.parametrize("sex", ["boy", "girl"])
def test_hands_grow_with_age(sex):
    sizes = [relative_size(age, sex) for age in AGES]
    assert np.all(np.diff(sizes) > 0)


@pytest.mark.parametrize("sex", ["boy", "girl"])
def test_hands_grow_like_stature(sex):
    statures = STATURE_CM[sex]
    for age, stature_cm in zip(STATURE_AGES, statures, strict=True):
        found = relative_size(age, sex) / relative_size(STATURE_AGES[-1], sex)
        assert found == pytest.approx(stature_cm / statures[-1], rel=0.04), age


@pytest.mark.parametrize("key", list(ADULT_SIZE_MM))
def test_adult_lengths_lie_among_those_of_radiographs(key):
    ray, segment = key
    mean_mm, deviation_mm = ADULT_LENGTHS_MM[segment][ray - 1]
    assert abs(ADULT_SIZE_MM[key][0] - mean_mm) < 2 * deviation_mm


def test_girls_are_ahead_before_puberty_ends_and_boys_end_larger():
    assert relative_size(11, "girl") > relative_size(11, "boy")
    assert relative_size(16, "girl") < relative_size(16, "boy")


@pytest.mark.parametrize("onset", [0.85, 1.4, 2.4, 3.4])
def test_epiphysis_widens_from_half_to_the_full_metaphysis(onset):
    assert epiphysis_width_ratio(onset + 1, onset) == pytest.approx(0.5)
    assert epiphysis_width_ratio(5.75, onset) == pytest.approx(0.75)
    assert epiphysis_width_ratio(11, onset) == 1.0
    ratios = [epiphysis_width_ratio(age, onset) for age in np.linspace(onset, 14, 100)]
    assert np.all(np.diff(ratios) >= 0)


@pytest.mark.parametrize("key", list(ADULT_SIZE_MM))
def test_every_epiphysis_exists_at_the_ages_of_complete_hands(key):
    for sex in ("boy", "girl"):
        assert ossification_onset_years(*key, sex) < COMPLETE_AGE_YEARS[sex][0]
    assert ossification_onset_years(*key, "girl") < ossification_onset_years(*key, "boy")


@pytest.mark.parametrize("sex", ["boy", "girl"])
def test_epiphyses_appear_and_fuse_at_published_ages(sex):
    first, last, fused = APPEARANCE_YEARS[sex]
    onsets = {key: ossification_onset_years(*key, sex) for key in ADULT_SIZE_MM}
    assert min(onsets.values()) == pytest.approx(first, abs=TOLERANCE_YEARS)
    assert max(onsets.values()) == pytest.approx(last, abs=TOLERANCE_YEARS)
    assert onsets[3, "proximal phalanx"] == min(onsets.values())
    assert onsets[5, "middle phalanx"] == max(onsets.values())
    fusions = [fusion_years(*key, sex) for key in ADULT_SIZE_MM]
    assert max(fusions) == pytest.approx(fused, abs=TOLERANCE_YEARS)


def test_adult_hand_has_19_bones_that_are_longer_than_wide_and_wider_than_thick():
    assert len(ADULT_SIZE_MM) == 19
    assert (1, "middle phalanx") not in ADULT_SIZE_MM
    for length, width, thickness in ADULT_SIZE_MM.values():
        assert length > 2 * width
        assert width > 0.9 * thickness
    for ray in range(2, 6):
        lengths = [size[0] for (r, _), size in ADULT_SIZE_MM.items() if r == ray]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] == max(lengths)
    assert set(EPIPHYSIS_THICKNESS_RATIO) == {segment for _, segment in ADULT_SIZE_MM}


@pytest.mark.parametrize("key", list(ADULT_SIZE_MM))
def test_epiphyses_fuse_after_the_ages_of_complete_hands_distal_ones_first(key):
    for sex, distal in (("boy", 15.5), ("girl", 13.5)):
        age = fusion_years(*key, sex)
        if key[1] == "distal phalanx":
            assert age == distal
        else:
            assert distal + 1 <= age <= distal + 1.5
        assert age - 0.3 > COMPLETE_AGE_YEARS[sex][1]
        onset = ossification_onset_years(*key, sex)
        states = [epiphysis_state(a, *key, sex) for a in (onset - 0.1, onset, age - 0.1, age)]
        assert states == ["not ossified", "ossified", "ossified", "fused"]


def test_carpals_appear_one_by_one():
    for sex in ("boy", "girl"):
        counts = [len(carpals_ossified(age, sex)) for age in AGES]
        assert 2 <= counts[0] <= 3
        assert np.all(np.diff(counts) >= 0)
        assert len(carpals_ossified(12, sex)) == 8
        assert max(carpals_ossified(16, sex).values()) == 1.0
    assert len(carpals_ossified(5, "girl")) > len(carpals_ossified(5, "boy"))
