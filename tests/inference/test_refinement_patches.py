import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.inference.refinement_patches import cover, inner_box, patch_margin

SIDE = st.integers(3, 70)


def covered(near: np.ndarray, patch: tuple[int, int, int]) -> np.ndarray:
    used = np.zeros(near.shape, np.int64)
    for box in cover(near, patch):
        sizes = [side.stop - side.start for side in box]
        assert sizes == [min(n, p) for n, p in zip(near.shape, patch, strict=True)]
        used[inner_box(box, near.shape, patch_margin(patch))] += 1
    return used


@given(shape=st.tuples(SIDE, SIDE, SIDE), seed=st.integers(0, 99), patch=st.sampled_from([16, 32]))
def test_every_voxel_lies_in_the_used_part_of_a_patch(shape, seed, patch):
    rng = np.random.default_rng(seed)
    near = rng.random(shape) < rng.choice([0.0005, 0.01])
    assert (covered(near, (patch, patch, patch + 16))[near] > 0).all()


def test_nothing_to_do_takes_no_patch() -> None:
    assert not list(cover(np.zeros((40, 40, 40), bool), (16, 16, 16)))


def test_a_thin_slanted_bone_takes_few_patches() -> None:
    near = np.zeros((120, 120, 60), bool)
    for position in range(10, 110):
        near[position, position - 4 : position + 4, 20:32] = True
    boxes = list(cover(near, (32, 32, 48)))
    assert len(boxes) <= 8
    assert (covered(near, (32, 32, 48))[near] > 0).all()


@pytest.mark.parametrize("start", [0, 5, 8])
def test_only_the_borders_of_the_volume_are_used_up_to_the_end(start: int) -> None:
    box = (slice(start, start + 16), slice(0, 16), slice(0, 10))
    scan, lateral, depth = inner_box(box, (24, 40, 10), (2, 2, 2))
    assert scan == slice(0 if start == 0 else start + 2, 24 if start == 8 else start + 14)
    assert lateral == slice(0, 14)
    assert depth == slice(0, 10)
