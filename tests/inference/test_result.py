"""What a segmentation offers: masks, rows, a short description."""

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.errors import InputError
from amcnet.inference import Segmentation, keep_only
from amcnet.io import Geometry

SPACING_MM = (0.5, 0.8, 0.6)


@pytest.fixture
def result() -> Segmentation:
    labels = np.random.default_rng(0).integers(0, 39, (6, 7, 8)).astype(np.uint8)
    confidence = {value: 0.5 for value in np.unique(labels).tolist() if value}
    geometry = Geometry.canonical(labels.shape, SPACING_MM)
    return Segmentation(labels, geometry, hand_label_table(), confidence, "", {})


def test_masks_by_name_kind_and_group(result: Segmentation) -> None:
    value = hand_label_table().values_by_name["second metacarpal bone"]
    assert np.array_equal(result.mask("second metacarpal bone"), result.labels == value)
    thumb = [s.value for s in hand_label_table() if s.group == "thumb"]
    assert np.array_equal(result.mask("thumb"), np.isin(result.labels, thumb))
    assert np.array_equal(result.mask("bones") | result.mask("epiphyses"), result.labels > 0)
    with pytest.raises(InputError, match="'thum' is not in"):
        result.mask("thum")


def test_rows_count_all_voxels(result: Segmentation) -> None:
    rows = result.to_rows()
    assert [row["name"] for row in rows] == [s.name for s in hand_label_table()]
    assert sum(row["voxels"] for row in rows) == np.count_nonzero(result.labels)
    volume = sum(row["volume_mm3"] for row in rows)
    assert volume == pytest.approx(np.count_nonzero(result.labels) * 0.5 * 0.8 * 0.6)


def test_a_name_is_not_taken_letter_by_letter(result: Segmentation) -> None:
    assert keep_only(result, "thumb").kept == keep_only(result, ["thumb"]).kept


def test_the_description_is_short() -> None:
    labels = np.zeros((609, 1023, 512), np.uint8)
    geometry = Geometry.canonical(labels.shape, (0.279, 0.13, 0.088))
    text = repr(Segmentation(labels, geometry, hand_label_table(), {}, "", {}))
    assert len(text.splitlines()) <= 5
    assert "0 of 38 structures" in text
