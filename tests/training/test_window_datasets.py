from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import IGNORE
from amcnet.data.prepared_store import PreparedCase
from amcnet.data.window_sampler import WindowSampler
from amcnet.training.window_datasets import (
    Batch,
    Share,
    TrainingWindows,
    ValidationWindows,
    WindowOrder,
    collate_windows,
)

from ..data.prepared import numbered_case


@given(
    batches=st.integers(1, 9),
    batch_size=st.integers(1, 4),
    processes=st.integers(1, 4),
    epochs=st.integers(1, 4),
)
def test_processes_take_every_window_once(batches, batch_size, processes, epochs):
    taken = []
    for rank in range(processes):
        for epoch in range(epochs):
            began = lambda e=epoch: e * batches  # noqa: E731
            order = WindowOrder(began, began, batches, batch_size, Share(rank, processes))
            assert len(list(order)) == len(order) == batches
            taken += [number for batch in order for number in batch]
    assert sorted(taken) == list(range(epochs * batches * batch_size * processes))


@given(st.data(), st.integers(1, 9), st.integers(0, 40), st.integers(0, 1))
def test_a_resumed_epoch_goes_on_where_it_was(data, batches, began, rank):
    share, done = Share(rank, 2), data.draw(st.integers(0, batches - 1))
    whole = list(WindowOrder(lambda: began, lambda: began, batches, 3, share))
    rest = WindowOrder(lambda: began + done, lambda: began, batches, 3, share)
    assert len(whole) == batches
    assert list(rest) == whole[done:]


def window(lateral: int, depth: int, scan: int = 3) -> Batch:
    image = torch.arange(2 * scan * lateral * depth, dtype=torch.float32)
    labels = torch.ones(scan, lateral, depth, dtype=torch.uint8)
    return Batch(image.reshape(2, scan, lateral, depth), labels, torch.tensor(7))


def test_shorter_windows_are_padded_with_ignored_slices():
    batch = collate_windows([window(4, 4, scan=2), window(4, 4, scan=5)])
    assert (batch.labels == 1).sum(dim=(1, 2, 3)).tolist() == [2 * 16, 5 * 16]
    assert torch.equal(batch.image[0, :, 4], window(4, 4, scan=2).image[:, 1])


def test_cropped_windows_are_part_of_the_whole_ones_and_always_the_same(tmp_path):
    sampler = WindowSampler((numbered_case(tmp_path, 30),), 20, seed=3)
    whole, cropped = TrainingWindows(sampler), TrainingWindows(sampler, (0.5, 0.6))
    sizes = set()
    for index in range(20):
        part, full = cropped[index], whole[index]
        assert torch.equal(part.image, cropped[index].image)
        assert part.image.shape[1:] == part.labels.shape
        sizes.add(part.labels.shape)
        # The slices of this case are numbered.
        assert set(part.labels.unique().tolist()) <= set(full.labels.unique().tolist())
    assert whole[0].labels.shape in sizes
    assert 5 < len(sizes) < 20


def test_planes_of_different_size_are_padded_with_ignored_voxels():
    batch = collate_windows([window(4, 6), window(5, 3)])
    assert batch.image.shape == (2, 2, 3, 5, 6)
    assert (batch.labels == 1).sum(dim=(1, 2, 3)).tolist() == [3 * 4 * 6, 3 * 5 * 3]
    assert (batch.labels[0, :, 4:] == IGNORE).all()
    assert (batch.labels[1, :, :, 3:] == IGNORE).all()
    torch.testing.assert_close(batch.image[1, :, :, :, 5], window(5, 3).image[..., 2])
    assert batch.number.tolist() == [7, 7]


def test_equal_planes_are_stacked_as_they_are():
    batch = collate_windows([window(4, 4), window(4, 4)])
    assert torch.equal(batch.image[0], window(4, 4).image)
    assert not (batch.labels == IGNORE).any()


@pytest.mark.parametrize("processes", [1, 2, 7])
def test_processes_share_the_held_out_windows_and_none_goes_without(processes):
    counts = np.zeros((40, 3), np.int32)
    cases = tuple(PreparedCase(n, Path(n), (40, 4, 4), counts) for n in ("a", "b"))
    shares = [ValidationWindows(cases, 8, 2, Share(r, processes)) for r in range(processes)]
    places = [(case.name, start) for share in shares for case, start in share.windows]
    assert all(len(share) for share in shares)
    assert len(set(places)) == len(places) >= 4
    assert {name for name, _ in places} == {"a", "b"}
