import json

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import InputError
from amcnet.metrics import evaluate_case

SPACING_MM = (0.5, 0.4, 0.25)
TABLE = LabelTable(
    (
        Structure(1, "first bone", "bone"),
        Structure(2, "its cap", "epiphysis"),
        Structure(3, "second bone", "bone"),
        Structure(4, "its other cap", "epiphysis"),
    )
)


@pytest.fixture
def pair():
    """Label 1 shifted by one voxel, 2 exact, 3 missed, 4 invented; a fifth is absent."""
    reference = np.zeros((16, 14, 12), dtype=np.uint8)
    prediction = reference.copy()
    reference[1:9, 1:5, 1:5] = 1
    prediction[2:10, 1:5, 1:5] = 1
    reference[12:14, 1:4, 1:4] = prediction[12:14, 1:4, 1:4] = 2
    reference[1:9, 8:11, 2:6] = 3
    prediction[12:14, 8:12, 2:6] = 4
    return reference, prediction


def test_structures_and_null_policy(pair):
    result = evaluate_case(*pair, SPACING_MM, 6)
    shifted, exact, missed, invented, absent = result["structures"]
    assert [row["name"] for row in result["structures"]] == [f"label {n}" for n in range(1, 6)]
    assert shifted["dice"] == shifted["f1"] == pytest.approx(7 / 8)
    assert shifted["hd95_mm"] == pytest.approx(0.5)
    assert shifted["reference_length_mm"] == pytest.approx(8 * 0.5)
    assert shifted["length_error_mm"] == pytest.approx(0.0, abs=1e-9)
    assert (exact["dice"], exact["hd95_mm"], exact["surface_dice_0.5mm"]) == (1, 0, 1)
    for row in (missed, invented):
        overlaps = [row[key] for key in ("dice", "jaccard", "recall", "precision", "f1")]
        assert [*overlaps, row["surface_dice_0.5mm"]] == [0] * 6
        assert row["hd95_mm"] is row["assd_mm"] is row["length_error_mm"] is None
    scores = set(absent) - {"label", "name", "reference_voxels", "prediction_voxels"}
    assert all(absent[key] is None for key in scores)


def test_summary(pair):
    summary = evaluate_case(*pair, SPACING_MM, 6)["summary"]
    assert summary["dice_macro"] == summary["f1_macro"] == pytest.approx((7 / 8 + 1) / 4)
    assert summary["hd95_macro_mm"] == pytest.approx(0.25)
    assert summary["hd95_macro_missed_as_10mm_mm"] == pytest.approx(10.5 / 3)
    assert summary["detection_rate"] == pytest.approx(2 / 3)
    counts = [summary[f"structures_{key}"] for key in ("present", "missed", "invented")]
    assert counts == [3, 1, 1]
    assert "by_kind" not in summary


def test_kinds_are_summarised_apart(pair):
    result = evaluate_case(*pair, SPACING_MM, 5, TABLE)
    bones, caps = (result["summary"]["by_kind"][kind] for kind in ("bone", "epiphysis"))
    assert result["structures"][1]["name"] == "its cap"
    assert bones["dice_macro"] == pytest.approx(7 / 16)
    assert caps["dice_macro"] == pytest.approx(1 / 2)
    assert (bones["structures_missed"], caps["structures_invented"]) == (1, 1)
    assert (bones["detection_rate"], caps["detection_rate"]) == (0.5, 1.0)


def test_tolerance_is_part_of_the_key(pair):
    result = evaluate_case(*pair, SPACING_MM, 6, surface_tolerance_mm=0.25)
    assert result["structures"][0]["surface_dice_0.25mm"] < 1.0
    assert "surface_dice_0.25mm_macro" in result["summary"]


def test_json_has_neither_nan_nor_infinity(pair):
    empty = np.zeros_like(pair[0])
    for reference, prediction in (pair, (empty, empty), (pair[0], empty), (empty, pair[1])):
        result = evaluate_case(reference, prediction, SPACING_MM, 5, TABLE)
        assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_relabelling_both_sides_permutes_the_structures(pair):
    order = np.array([0, 3, 1, 4, 5, 2])
    plain = evaluate_case(*pair, SPACING_MM, 6)
    relabelled = evaluate_case(*(order[labels] for labels in pair), SPACING_MM, 6)
    assert relabelled["summary"] == pytest.approx(plain["summary"])
    for row in plain["structures"]:
        other = relabelled["structures"][order[row["label"]] - 1]
        assert {**other, "label": row["label"], "name": row["name"]} == row


def test_swapping_the_sides_swaps_recall_and_precision(pair):
    forward = evaluate_case(*pair, SPACING_MM, 6)
    backward = evaluate_case(*pair[::-1], SPACING_MM, 6)
    for one, other in zip(forward["structures"], backward["structures"], strict=True):
        assert one["recall"] == other["precision"]
        for key in ("dice", "jaccard", "hd95_mm", "assd_mm", "length_error_mm"):
            assert one[key] == pytest.approx(other[key])
    assert forward["summary"]["dice_foreground"] == backward["summary"]["dice_foreground"]


def test_permuting_axes_with_their_spacing_changes_nothing(pair):
    plain = evaluate_case(*pair, SPACING_MM, 6)["summary"]
    turned = [np.transpose(labels, (2, 0, 1)) for labels in pair]
    summary = evaluate_case(*turned, (0.25, 0.5, 0.4), 6)["summary"]
    assert summary == pytest.approx(plain)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prediction": np.zeros((16, 14, 11), np.uint8)}, r"\(16, 14, 11\).*\(16, 14, 12\)"),
        ({"reference": np.zeros((16, 14), np.uint8)}, "reference has the shape"),
        ({"prediction": np.zeros((16, 14, 12))}, "prediction holds values of type float64"),
        ({"num_classes": 4}, "holds the label 4"),
        ({"spacing_mm": (0.5, 0.5)}, "spacing_mm"),
        ({"spacing_mm": (0.5, 0.0, 0.5)}, "spacing_mm"),
        ({"table": TABLE}, "table has 5 classes with the background, expected 6"),
        ({"surface_tolerance_mm": float("nan")}, "surface_tolerance_mm"),
    ],
)
def test_unusable_inputs_are_named(pair, changes, message):
    usable = dict(
        zip(
            ("reference", "prediction", "spacing_mm", "num_classes"),
            (*pair, SPACING_MM, 6),
            strict=True,
        )
    )
    with pytest.raises(InputError, match=message):
        evaluate_case(**usable | changes)
