import numpy as np
from scipy import ndimage

from amcnet.anatomy import IGNORE
from amcnet.training.refinement.first_stage import boundary_centres, nearest_voxel_labels


def test_a_finer_grid_repeats_voxels_and_a_coarser_one_takes_every_second() -> None:
    labels = np.random.default_rng(0).integers(0, 5, (4, 6, 5)).astype(np.uint8)
    fine = labels.repeat(2, axis=0).repeat(3, axis=1).repeat(1, axis=2)
    assert np.array_equal(nearest_voxel_labels(labels, fine.shape), fine)
    assert np.array_equal(nearest_voxel_labels(fine, labels.shape), labels)
    assert np.array_equal(nearest_voxel_labels(labels, labels.shape), labels)


def test_centres_lie_on_the_boundaries_of_both() -> None:
    truth = np.zeros((20, 20, 20), np.uint8)
    truth[4:12, 4:12, 4:12] = 3
    found = np.zeros_like(truth)
    found[14:18, 14:18, 14:18] = 5
    centres = boundary_centres(truth, found)
    assert np.unique(centres[:, 0]).tolist() == [3, 5]
    for value, labels in ((3, truth), (5, found)):
        mask = labels == value
        surface = mask & ~ndimage.binary_erosion(mask)
        places = centres[centres[:, 0] == value][:, 1:]
        assert surface[tuple(places.T)].all()
        assert len(places) > 50


def test_unjudged_voxels_are_no_structure() -> None:
    truth = np.zeros((8, 8, 8), np.uint8)
    truth[2:5] = IGNORE
    assert boundary_centres(truth, np.zeros_like(truth)).shape == (0, 4)
