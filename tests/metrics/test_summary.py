import json

import numpy as np
import pytest

from amcnet.errors import InputError
from amcnet.metrics import evaluate_case, summarise_cases, surface_dice_key

SPACING_MM = (1.0, 1.0, 1.0)


def case(prediction_values, tolerance_mm=0.5):
    reference, prediction = np.zeros((2, 1, 1, 8), dtype=np.uint8)
    reference[..., :4] = 1
    prediction[..., : len(prediction_values)] = prediction_values
    return evaluate_case(
        reference, prediction, SPACING_MM, 3, surface_tolerance_mm=tolerance_mm
    ).to_json()


def test_means_skip_what_does_not_exist_and_say_so():
    result = summarise_cases([case([1, 1, 1, 1]), case([]), case([1, 1])])
    assert result["cases"] == 3
    assert result["summary"]["dice_macro"] == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert result["cases_counted"]["dice_macro"] == 3
    assert result["cases_counted"]["hd95_macro_mm"] == 2
    assert result["summary"]["structures_present"] == 3
    assert result["summary"]["structures_missed"] == 1
    first, absent = result["structures"]
    assert first["name"] == "label 1"
    assert first["cases_counted"]["hd95_mm"] == 2
    assert absent["dice"] is None
    assert absent["cases_counted"]["dice"] == 0
    json.dumps(result, allow_nan=False)


def test_mean_over_structures_comes_before_mean_over_cases():
    two_structures = case([1, 1, 1, 1, 2])
    one_structure = case([1, 1, 1, 1])
    result = summarise_cases([two_structures, one_structure])
    assert result["summary"]["dice_macro"] == pytest.approx((1 / 2 + 1) / 2)


def test_no_case_is_an_error():
    with pytest.raises(InputError, match="at least one"):
        summarise_cases([])


def test_cases_of_different_tolerance_are_an_error():
    with pytest.raises(InputError, match="differ"):
        summarise_cases([case([1]), case([1], tolerance_mm=1.0)])


@pytest.mark.parametrize(
    ("tolerance_mm", "key"), [(0.5, "surface_dice_0.5mm"), (2.0, "surface_dice_2mm")]
)
def test_surface_dice_key(tolerance_mm, key):
    assert surface_dice_key(tolerance_mm) == key
