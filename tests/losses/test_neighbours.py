import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import find_objects
from torch.nn.functional import max_pool3d

from amcnet.anatomy import IGNORE
from amcnet.losses.neighbours import class_boxes, most_probable_neighbours

SEEDS = st.integers(0, 10_000)


def random_labels(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, (2, 3, 6, 7), generator=generator, dtype=torch.uint8)
    labels[torch.rand(labels.shape, generator=generator) < 0.8] = 1
    labels[torch.rand(labels.shape, generator=generator) < 0.1] = IGNORE
    return labels


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_boxes_are_those_of_scipy(seed: int) -> None:
    labels = random_labels(seed)
    found = {(sample, value): box for sample, value, box in class_boxes(labels, 5)}
    expected = {}
    for sample, volume in enumerate(labels):
        shifted = volume.int() + 1  # SciPy leaves 0 out
        shifted[volume == IGNORE] = 0
        for value, box in enumerate(find_objects(shifted.numpy())):
            if box is not None:
                expected[sample, value] = box
    assert found == expected


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_best_neighbour_is_that_of_a_dense_pool(seed: int) -> None:
    labels = random_labels(seed)
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 5, 3, 6, 7, generator=generator, dtype=torch.float64)
    highest, place = most_probable_neighbours(logits, logits.logsumexp(1), labels)
    dense, index = max_pool3d(logits.log_softmax(1), 3, stride=1, padding=1, return_indices=True)
    own = labels.long().masked_fill(labels == IGNORE, 0)[:, None]
    judged = labels != IGNORE
    torch.testing.assert_close(highest, dense.gather(1, own)[:, 0] * judged)
    torch.testing.assert_close(place.long(), index.gather(1, own)[:, 0] * judged)


def test_first_of_equal_neighbours_wins() -> None:
    labels = torch.zeros(1, 3, 3, 3, dtype=torch.uint8)
    logits = torch.zeros(1, 2, 3, 3, 3)
    _, place = most_probable_neighbours(logits, logits.logsumexp(1), labels)
    corner = torch.tensor([0, 0, 1])
    expected = corner[:, None, None] * 9 + corner[None, :, None] * 3 + corner
    assert torch.equal(place[0].long(), expected)
