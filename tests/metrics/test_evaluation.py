import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import ConfigError, InputError
from amcnet.metrics import CaseEvaluation
from amcnet.metrics import evaluate_case as evaluate_case_typed

SPACING_MM = (0.5, 0.4, 0.25)
TABLE = LabelTable(
    (
        Structure(1, "first bone", "bone"),
        Structure(2, "its cap", "epiphysis"),
        Structure(3, "second bone", "bone"),
        Structure(4, "its other cap", "epiphysis"),
    )
)


def evaluate_case(*args, **kwargs):
    """Return the evaluation as the dictionary that JSON files hold."""
    return evaluate_case_typed(*args, **kwargs).to_json()


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


def test_many_structures_equal_monai():
    """Structures in contact, at the border, in pieces, of one voxel, missed, invented, absent."""
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(5)
    field = gaussian_filter(rng.standard_normal((20, 18, 16)), 2.0)
    levels = np.quantile(field, [0.3, 0.5, 0.8])
    reference = np.digitize(field, levels)
    shifted = gaussian_filter(rng.standard_normal(field.shape), 2.0) / 3 + field
    prediction = np.digitize(shifted, levels)
    reference[0, 0, 0] = prediction[19, 17, 15] = 4
    reference[3:5, 3:5, 3] = 5
    prediction[7:9, 3:5, 3] = 6
    classes, tolerance_mm = 8, 0.6
    rows = evaluate_case(
        reference, prediction, SPACING_MM, classes, surface_tolerance_mm=tolerance_mm
    )["structures"]

    def one_hot(labels):
        return torch.from_numpy(np.stack([labels == n for n in range(classes)]))[None].float()

    pair = {"y_pred": one_hot(prediction), "y": one_hot(reference), "include_background": False}
    in_mm = pair | {"spacing": SPACING_MM}
    expected = {
        "dice": monai.compute_dice(**pair),
        "hd95_mm": monai.compute_hausdorff_distance(**in_mm, percentile=95),
        "assd_mm": monai.compute_average_surface_distance(**in_mm, symmetric=True),
        "surface_dice_0.6mm": monai.compute_surface_dice(
            **in_mm, class_thresholds=[tolerance_mm] * (classes - 1)
        ),
    }
    for key, values in expected.items():
        for row, value in zip(rows[:4], values[0].tolist(), strict=False):
            assert row[key] == pytest.approx(value, abs=1e-5), (key, row["label"])
        # Where one side is empty MONAI has 0, NaN or infinity, which JSON cannot hold.
        missed, invented, absent = (row[key] for row in rows[4:])
        distance = key.endswith("_mm")
        assert (missed, invented, absent) == ((None if distance else 0,) * 2 + (None,))
    assert expected["dice"][0, 4].item() == 0
    assert torch.isnan(expected["dice"][0, 5:]).all()


def test_the_number_of_threads_does_not_show(pair):
    alone = evaluate_case(*pair, SPACING_MM, 5, TABLE, threads=1)
    for threads in (2, 5):
        assert evaluate_case(*pair, SPACING_MM, 5, TABLE, threads=threads) == alone
    with pytest.raises(ConfigError, match="threads: found 0"):
        evaluate_case(*pair, SPACING_MM, 5, TABLE, threads=0)


def test_pooled_figures_of_a_kind_are_those_of_its_structures_alone(pair):
    """Bones are pooled as if the epiphyses were background, on both sides."""
    by_kind = evaluate_case(*pair, SPACING_MM, 5, TABLE)["summary"]["by_kind"]
    bones = [np.where(np.isin(labels, [1, 3]), labels, 0) for labels in pair]
    alone = evaluate_case(*bones, SPACING_MM, 5, TABLE)["summary"]
    for key in ("dice_foreground", "jaccard_foreground", "dice_binary", "jaccard_binary"):
        assert by_kind["bone"][key] == alone[key]


def test_what_is_predicted_in_ignored_voxels_does_not_count(pair):
    reference, prediction = pair
    unknown = np.zeros(reference.shape, bool)
    unknown[4:7, :6] = unknown[12:, 8:] = True
    known = [np.where(unknown, 0, labels) for labels in pair]
    marked = np.where(unknown, 255, reference).astype(np.uint8)
    other = np.where(unknown, np.random.default_rng(1).integers(0, 6, unknown.shape), prediction)
    expected = evaluate_case(*known, SPACING_MM, 6)
    for judged in (prediction, other.astype(np.uint8)):
        assert evaluate_case(marked, judged, SPACING_MM, 6, ignore_value=255) == expected
    assert evaluate_case(*pair, SPACING_MM, 6, ignore_value=9) == evaluate_case(
        *pair, SPACING_MM, 6
    )
    assert marked.max() == 255
    counted = reference[~unknown], prediction[~unknown]  # the counts without any volume
    for row in expected["structures"]:
        one, two = (labels == row["label"] for labels in counted)
        assert (row["reference_voxels"], row["prediction_voxels"]) == (one.sum(), two.sum())


def test_a_prediction_of_the_value_to_ignore_is_an_error_where_the_reference_is_known(pair):
    reference, prediction = pair
    prediction[0, 0, 0] = 255
    with pytest.raises(InputError, match="prediction holds the label 255"):
        evaluate_case(reference, prediction, SPACING_MM, 6, ignore_value=255)


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
        ({"ignore_value": 5}, "ignore_value is 5, expected 6 or more"),
        ({"ignore_value": 9, "prediction": np.zeros((16, 14, 1), np.uint8)}, "has the shape"),
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


def test_classes_follow_from_the_table_or_the_labels(pair):
    by_table = evaluate_case_typed(*pair, SPACING_MM, table=TABLE)
    assert by_table == evaluate_case_typed(*pair, SPACING_MM, 5, TABLE)
    alone = evaluate_case_typed(*pair, SPACING_MM)
    assert [one.label for one in alone.structures] == list(range(1, 1 + max(p.max() for p in pair)))
    marked = pair[0].copy()
    marked[0, 0, 0] = 255
    ignoring = evaluate_case_typed(marked, pair[1], SPACING_MM, ignore_value=255)
    assert len(ignoring.structures) == len(alone.structures)


def test_tensors_and_lists_are_arrays(pair):
    torch = pytest.importorskip("torch")
    expected = evaluate_case_typed(*pair, SPACING_MM, table=TABLE)
    tensors = [torch.as_tensor(labels.astype(np.int64)) for labels in pair]
    assert evaluate_case_typed(*tensors, SPACING_MM, table=TABLE) == expected
    lists = [labels.tolist() for labels in pair]
    assert evaluate_case_typed(*lists, SPACING_MM, table=TABLE) == expected


def test_rows_hold_the_fields_and_the_representation_is_short(pair):
    case = evaluate_case_typed(*pair, SPACING_MM, table=TABLE)
    assert isinstance(case, CaseEvaluation)
    for row, one in zip(case.to_rows(), case.structures, strict=True):
        assert (row["name"], row["dice"], row["hd95_mm"]) == (
            one.name, one.dice, one.shape.hd95_mm,
        )  # fmt: skip
        assert row["surface_dice_0.5mm"] == one.shape.surface_dice
    assert len(repr(case)) < 80
