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
TABLE_AGES = (2, 4, 6, 8, 10, 12, 14, 16)
BOYS = (0.48, 0.59, 0.66, 0.73, 0.79, 0.85, 0.93, 0.985)
GIRLS = (0.52, 0.63, 0.71, 0.78, 0.855, 0.93, 0.98, 1.0)


@pytest.mark.parametrize("sex", ["boy", "girl"])
def test_hands_grow_with_age(sex):
    sizes = [relative_size(age, sex) for age in AGES]
    assert np.all(np.diff(sizes) > 0)


@pytest.mark.parametrize(("sex", "factor", "growth"), [("boy", 1.05, BOYS), ("girl", 0.97, GIRLS)])
def test_sizes_at_the_ages_of_the_table(sex, factor, growth):
    found = [relative_size(age, sex) for age in TABLE_AGES]
    assert found == pytest.approx([factor * g for g in growth])


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


@pytest.mark.parametrize(
    ("key", "boy", "girl"),
    [
        ((3, "proximal phalanx"), 1.4, 0.85),
        ((5, "proximal phalanx"), 1.75, 1.2),
        ((1, "proximal phalanx"), 3.0, 1.7),
        ((2, "metacarpal"), 1.6, 1.1),
        ((5, "metacarpal"), 2.2, 1.4),
        ((1, "metacarpal"), 2.6, 1.6),
        ((4, "middle phalanx"), 2.1, 1.3),
        ((5, "middle phalanx"), 3.4, 1.9),
        ((1, "distal phalanx"), 1.6, 1.0),
        ((3, "distal phalanx"), 2.4, 1.5),
        ((2, "distal phalanx"), 3.2, 1.9),
    ],
)
def test_onset_of_ossification(key, boy, girl):
    assert ossification_onset_years(*key, "boy") == pytest.approx(boy)
    assert ossification_onset_years(*key, "girl") == pytest.approx(girl)


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
