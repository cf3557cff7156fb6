import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import InputError
from amcnet.labelmaps.cleanup import clean_up
from amcnet.labelmaps.run_length import RunLengthEncoder

NEIGHBOURS = {1: (2,), 2: (1, 3), 3: (2,)}
CHAIN = LabelTable(
    tuple(Structure(value, f"part {value}", neighbours=NEIGHBOURS[value]) for value in NEIGHBOURS)
)
PLAIN = LabelTable.from_names(["one", "two", "three"])
SHAPES = st.tuples(*[st.integers(1, 7)] * 3)
VOLUMES = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3)))
TABLES = st.sampled_from([CHAIN, PLAIN])


def cleaned(
    labels: np.ndarray,
    table: LabelTable = CHAIN,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> np.ndarray:
    collector = RunLengthEncoder()
    for plane in labels:
        collector.add(plane)
    result = labels.copy()
    clean_up(result, collector.runs(), table, spacing_mm)
    return result


def present(labels: np.ndarray) -> set[int]:
    return set(np.unique(labels).tolist()) - {0}


@given(VOLUMES, TABLES)
def test_every_label_stays_as_one_piece_within_what_was_labelled(
    labels: np.ndarray, table: LabelTable
) -> None:
    result = cleaned(labels, table)
    assert present(result) == present(labels)
    assert not result[labels == 0].any()
    for value in present(labels):
        assert ndimage.label(result == value)[1] == 1
        assert np.any((result == value) & (labels == value))


@given(VOLUMES, TABLES)
def test_a_clean_map_stays_as_it_is(labels: np.ndarray, table: LabelTable) -> None:
    once = cleaned(labels, table)
    assert np.array_equal(cleaned(once, table), once)


@given(arrays(np.uint8, (4, 5, 6), elements=st.integers(0, 1)))
def test_a_structure_by_itself_keeps_its_largest_piece(labels: np.ndarray) -> None:
    result = cleaned(labels, PLAIN)
    pieces, count = ndimage.label(labels)
    assert result.sum() == (np.bincount(pieces.ravel())[1:].max() if count else 0)


@pytest.mark.parametrize("axes", [(0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flipped", [(), (0,), (1, 2)])
def test_the_order_of_voxels_does_not_matter(
    axes: tuple[int, int, int], flipped: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(3)
    noise = [ndimage.gaussian_filter(rng.normal(size=(24, 26, 28)), 1.3) for _ in range(4)]
    labels = np.argmax(noise, axis=0).astype(np.uint8)
    turned = np.flip(labels.transpose(axes), flipped)
    result = cleaned(labels, PLAIN)
    # All three outcomes occur: islands kept out, islands taken in, pieces kept.
    assert ((result == 0) & (labels > 0)).sum() > 10
    assert ((result != labels) & (result > 0)).sum() > 10
    assert np.array_equal(cleaned(turned, PLAIN), np.flip(result.transpose(axes), flipped))


def two_fingers() -> np.ndarray:
    """A finger of parts 1, 2 and 3 along the scan, with room for another beside it."""
    labels = np.zeros((20, 20, 10), np.uint8)
    labels[2:8, 2:5, 3:6] = 1
    labels[9:11, 2:5, 3:6] = 2
    labels[12:18, 2:5, 3:6] = 3
    return labels


def test_the_piece_that_fits_the_chain_is_kept_though_another_is_larger() -> None:
    labels = two_fingers()
    expected = labels.copy()
    labels[9:12, 14:17, 3:6] = 2
    assert np.array_equal(cleaned(labels), expected)
    assert cleaned(labels, PLAIN)[10, 3, 4] == 0


def test_a_much_larger_piece_is_kept_wherever_it_is() -> None:
    labels = two_fingers()
    labels[6:15, 14:18, 3:6] = 2
    result = cleaned(labels)
    assert result[10, 15, 4] == 2
    assert result[10, 3, 4] == 0


def test_a_piece_once_chosen_votes_for_the_next() -> None:
    labels = two_fingers()
    expected = labels.copy()
    labels[9:12, 14:17, 3:6] = 2
    labels[12:19, 14:17, 3:6] = 3
    assert np.array_equal(cleaned(labels), expected)


def test_where_all_are_unclear_the_clearest_votes_first() -> None:
    labels = np.zeros((20, 20, 4), np.uint8)
    labels[0:6, 0:2] = 1  # three times its other piece
    labels[0:2, 15:17] = 1
    labels[7:9, 0:2] = 2
    labels[3:6, 15:17] = 2
    expected = np.where(np.arange(20)[None, :, None] < 10, labels, 0)
    assert np.array_equal(cleaned(labels), expected)


def test_gaps_are_measured_in_mm() -> None:
    labels = np.zeros((12, 12, 4), np.uint8)
    labels[0:2, 0:2] = 1
    labels[4:6, 0:2] = 2  # 3 voxels along the scan
    labels[0:2, 6:8] = 2  # 5 voxels across
    assert cleaned(labels, spacing_mm=(1.0, 1.0, 1.0))[4, 0, 0] == 2
    assert cleaned(labels, spacing_mm=(1.0, 0.1, 1.0))[0, 6, 0] == 2


def test_an_island_within_a_structure_becomes_part_of_it() -> None:
    labels = two_fingers()
    expected = labels.copy()
    labels[4:6, 3, 4] = 3
    assert np.array_equal(cleaned(labels), expected)


def test_an_island_in_the_open_becomes_background() -> None:
    labels = two_fingers()
    expected = labels.copy()
    labels[15, 12, 5:8] = 1
    assert np.array_equal(cleaned(labels), expected)


def test_an_island_that_hardly_touches_becomes_background() -> None:
    labels = two_fingers()
    expected = labels.copy()
    labels[4, 5, 5:9] = labels[3:6, 6:9, 6:9] = 3  # one face of many lies on part 1
    assert np.array_equal(cleaned(labels), expected)


def test_an_island_between_equal_contacts_becomes_background() -> None:
    labels = np.zeros((3, 9, 12), np.uint8)
    labels[:, 0:4, 0:4], labels[:, 5:9, 0:4] = 1, 2
    labels[1, 4, 1] = 3
    labels[:, 0:2, 8:10] = 3
    expected = labels.copy()
    expected[1, 4, 1] = 0
    assert np.array_equal(cleaned(labels, PLAIN), expected)


def test_islands_that_touch_islands_are_settled_from_the_outside() -> None:
    labels = np.zeros((9, 9, 20), np.uint8)
    labels[:, :, 0:8] = 1
    labels[3:6, 3:6, 2:6] = 2  # around the next one, which touches nothing else
    labels[4, 4, 3:5] = 3
    labels[0:6, 0:6, 12:14], labels[6:9, 6:9, 12:14] = 2, 3
    expected = labels.copy()
    expected[:, :, 0:8] = 1
    assert np.array_equal(cleaned(labels, PLAIN), expected)


def test_a_slab_that_parts_a_structure_does_not_cost_its_rest() -> None:
    labels = np.zeros((5, 5, 24), np.uint8)
    labels[1:4, 1:4, 0:12] = 1
    labels[1:4, 1:4, 8] = 2
    labels[0:4, 0:4, 20:22] = 2
    expected = labels.copy()
    expected[1:4, 1:4, 8] = 1
    assert np.array_equal(cleaned(labels, PLAIN), expected)


@given(VOLUMES, TABLES)
def test_rounded_spacings_give_the_same(labels: np.ndarray, table: LabelTable) -> None:
    spacing_mm = (0.279, 0.13, 0.088)
    as_stored = tuple(float(np.float32(size)) for size in spacing_mm)
    expected = cleaned(labels, table, spacing_mm)
    assert np.array_equal(cleaned(labels, table, as_stored), expected)


def test_labels_that_are_not_contiguous_are_changed_too() -> None:
    labels = np.asfortranarray(two_fingers())
    expected = labels.copy()
    labels[15, 12, 5:8] = 1
    collector = RunLengthEncoder()
    for plane in labels:
        collector.add(plane)
    clean_up(labels, collector.runs(), CHAIN, (1.0, 1.0, 1.0))
    assert np.array_equal(labels, expected)


def test_structures_of_several_components_keep_them_all() -> None:
    labels = np.zeros((1, 4, 14), np.uint8)
    labels[0, 0, :6] = labels[0, 0, 8:11] = labels[0, 2, 13] = 1
    labels[0, 3, :4] = labels[0, 3, 7] = 2
    kept, encoder = labels.copy(), RunLengthEncoder()
    encoder.add(labels[0])
    table = LabelTable.from_names(["bone", "plate"])
    clean_up(kept, encoder.runs(), table, (1.0, 1.0, 1.0), several=(1,))
    expected = labels.copy()
    expected[0, 3, 7] = 0  # the other structure keeps its largest component alone
    np.testing.assert_array_equal(kept, expected)


def test_empty() -> None:
    assert not cleaned(np.zeros((3, 4, 5), np.uint8)).any()


def test_runs_of_another_shape_and_unknown_labels_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(2, 3, 4\), expected \(0, 0, 0\)"):
        clean_up(np.zeros((2, 3, 4), np.uint8), RunLengthEncoder().runs(), PLAIN, (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="value 4, expected 0 to 3"):
        cleaned(np.full((2, 3, 4), 4, np.uint8))
