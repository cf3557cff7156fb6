from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from amcnet.labelmaps.connected_components import find_components
from amcnet.labelmaps.run_length import RunLengthEncoder, RunLengthEncoding

SHAPES = st.tuples(*[st.integers(1, 6)] * 3)
VOLUMES = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3)))
SPACING_MM = (0.5, 0.25, 2.0)


def collect(labels: np.ndarray) -> RunLengthEncoding:
    collector = RunLengthEncoder()
    for plane in labels:
        collector.add(plane)
    return collector.runs()


def pieces_by_ndimage(labels: np.ndarray) -> np.ndarray:
    """Number the pieces of all labels from 0 in memory order; -1 in the background."""
    numbered = np.zeros(labels.shape, int)
    for value in range(1, 4):
        found, _ = ndimage.label(labels == value)
        numbered += np.where(found > 0, found + 1000 * value, 0)
    first = {int(key): None for key in numbered.ravel() if key}
    number = {key: index for index, key in enumerate(first)} | {0: -1}
    return np.array([number[int(key)] for key in numbered.ravel()]).reshape(labels.shape)


def faces_mm2(expected: np.ndarray) -> tuple[Counter[int], Counter[tuple[int, int]]]:
    """Add up, voxel by voxel, the surface of every piece and the contact of every pair."""
    surface: Counter[int] = Counter()
    contact: Counter[tuple[int, int]] = Counter()
    padded = np.pad(expected, 1, constant_values=-1)
    for place in product(*(range(1, size + 1) for size in expected.shape)):
        for axis, step in product(range(3), (-1, 1)):
            beside = list(place)
            beside[axis] += step
            one, other = int(padded[place]), int(padded[tuple(beside)])
            area_mm2 = float(np.prod(SPACING_MM)) / SPACING_MM[axis]
            if one >= 0 and one != other:
                surface[one] += area_mm2
                if other >= 0:
                    contact[one, other] += area_mm2
    return surface, contact


@given(VOLUMES)
def test_pieces_sizes_surfaces_and_contacts(labels: np.ndarray) -> None:
    runs = collect(labels)
    pieces = find_components(runs, SPACING_MM)
    expected = pieces_by_ndimage(labels)
    found = np.full(labels.size, -1)
    for start, stop, piece in zip(runs.start, runs.stop, pieces.of_run, strict=True):
        found[start:stop] = piece
    assert np.array_equal(found.reshape(labels.shape), expected)
    count = int(expected.max()) + 1
    assert pieces.voxels.tolist() == np.bincount(expected[expected >= 0], minlength=count).tolist()
    assert pieces.value.tolist() == [labels[expected == piece][0] for piece in range(count)]
    surface, contact = faces_mm2(expected)
    assert pieces.surface_mm2.tolist() == [surface[piece] for piece in range(count)]
    pairs = zip(pieces.contacts.first.tolist(), pieces.contacts.second.tolist(), strict=True)
    assert dict(zip(pairs, pieces.contacts.area_mm2.tolist(), strict=True)) == contact


@pytest.mark.parametrize("place", [(0, 1, 0), (1, 0, 0)])
def test_rows_and_slices_do_not_wrap_around(place: tuple[int, int, int]) -> None:
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0, 3] = labels[place] = 5
    labels[0, 2, 3] = labels[1, 0, 3] = 6
    assert find_components(collect(labels), SPACING_MM).voxels.tolist() == [1, 1, 1, 1]


def test_nothing_labelled() -> None:
    assert len(find_components(collect(np.zeros((2, 3, 4), np.uint8)), SPACING_MM).value) == 0
    assert len(find_components(RunLengthEncoder().runs(), SPACING_MM).value) == 0
