from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from amcnet.anatomy import hand_label_table
from amcnet.bundle import Bundle, Provenance, load_bundle
from amcnet.bundle.description import RefinerDescription
from amcnet.bundle.refiner_export import write_refined_bundle
from amcnet.errors import ModelError
from amcnet.inference import Segmenter
from amcnet.inference.refinement import BoundaryRefiner
from amcnet.io import volume_from_array
from amcnet.networks.refiner import Refiner
from amcnet.networks.refiner_architecture import RefinerArchitecture

SPACING_MM = (0.6, 0.5, 0.4)
SHAPE = (40, 44, 52)
BONES = hand_label_table().values_of_kind("bone")
EPIPHYSES = hand_label_table().values_of_kind("epiphysis")


def write_model(folder: Path, model: Path, network: Refiner, architecture: object) -> Bundle:
    description = RefinerDescription(
        architecture=architecture,
        kinds=hand_label_table().kinds,
        spacing_mm=SPACING_MM,
        patch=(16, 16, 24),
        provenance=Provenance(training_data="nothing", configuration={}),
    )
    return write_refined_bundle(folder, load_bundle(model), network, description)


@pytest.fixture(scope="module")
def untrained_model(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    sizes = RefinerArchitecture(kinds=2, widths=(4, 8))
    folder = tmp_path_factory.mktemp("untrained")
    return write_model(folder, small_bundle, Refiner(sizes), sizes)


@pytest.fixture(scope="module")
def untrained(untrained_model: Bundle) -> BoundaryRefiner:
    return BoundaryRefiner(untrained_model)


@pytest.fixture(scope="module")
def follower(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> BoundaryRefiner:
    """A refiner that follows the image: above 1 is bone, below -1 an epiphysis."""
    sizes = RefinerArchitecture(kinds=2, widths=(2,))
    network = Refiner(sizes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.first.weight[0, 0, 1, 1, 1] = 1
        network.first.weight[1, 0, 1, 1, 1] = -1
        network.head.weight[1, 0] = 8
        network.head.weight[2, 1] = 8
        network.head.bias[0] = 8
    return BoundaryRefiner(
        write_model(tmp_path_factory.mktemp("follower"), small_bundle, network, sizes)
    )


def two_bones(shift: int = 0) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:30, 6 + shift : 16 + shift, 10:30] = BONES[0]
    labels[5:30, 26 + shift : 36 + shift, 10:30] = BONES[1]
    labels[31:35, 6 + shift : 16 + shift, 10:30] = EPIPHYSES[3]
    return labels


def image_of(labels: np.ndarray) -> np.ndarray:
    image = np.where(np.isin(labels, BONES), 3.0, np.where(labels > 0, -3.0, 0.0))
    return image[None].astype(np.float32)


def labels_of(refiner: BoundaryRefiner, image: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.stack(list(refiner.label_slices(image, iter(found), found.shape)))


def test_an_untrained_refiner_changes_nothing(untrained: BoundaryRefiner) -> None:
    found = two_bones()
    noise = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype(np.float32)
    assert np.array_equal(labels_of(untrained, noise, found), found)


def test_nothing_found_stays_nothing(follower: BoundaryRefiner) -> None:
    image = image_of(two_bones())
    assert not labels_of(follower, image, np.zeros(SHAPE, np.uint8)).any()


def test_boundaries_move_to_where_the_image_has_them(follower: BoundaryRefiner) -> None:
    truth = two_bones()
    for shift in (1, 2):
        found = two_bones(shift)
        assert np.array_equal(labels_of(follower, image_of(truth), found), truth)


def test_what_is_far_from_a_boundary_is_left_alone(follower: BoundaryRefiner) -> None:
    found = two_bones()
    image = image_of(found)
    image[:, 12:18, 9:12, 18:22] = 0  # a hole deep inside a bone
    image[:, 5:9, 20:22, 45:50] = 3  # something bright away from all bones
    assert np.array_equal(labels_of(follower, image, found), found)


def test_a_voxel_gets_the_name_of_the_nearest_structure_of_its_kind(
    follower: BoundaryRefiner,
) -> None:
    truth = two_bones()
    truth[5:30, 16:26, 10:30] = 1  # two bones that touch: the gap between them is bone, too
    image = image_of(truth)
    found = np.zeros(SHAPE, np.uint8)
    found[5:30, 6:18, 10:30] = BONES[0]
    found[5:30, 22:36, 10:30] = BONES[1]
    labels = labels_of(follower, image, found)
    gap = labels[10:25, 18:22, 15:25]
    assert (gap[:, :2] == BONES[0]).all()
    assert (gap[:, 2:] == BONES[1]).all()


def test_a_kind_that_is_nowhere_near_has_no_name(follower: BoundaryRefiner) -> None:
    found = two_bones()
    found[31:35] = 0
    found[31:35, 26:36, 10:30] = 0
    image = image_of(two_bones())  # shows an epiphysis, which nothing found names
    labels = labels_of(follower, image, found)
    assert set(np.unique(labels)) == {0, BONES[0], BONES[1]}


def test_finer_labels_lie_between_the_samples(follower: BoundaryRefiner) -> None:
    truth = two_bones()
    fine = tuple(2 * n for n in SHAPE)
    labels = np.stack(list(follower.label_slices(image_of(truth), two_bones(1), fine)))
    expected = truth.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    near_a_surface = ndimage.binary_dilation(ndimage.morphological_gradient(expected, size=3) > 0)
    assert not (labels != expected)[~near_a_surface].any()


def test_a_volume_smaller_than_a_patch(follower: BoundaryRefiner) -> None:
    truth = np.zeros((12, 14, 20), np.uint8)
    truth[3:9, 3:9, 4:12] = BONES[2]
    found = np.roll(truth, 1, axis=1)
    assert np.array_equal(labels_of(follower, image_of(truth), found), truth)


def test_a_model_without_a_refiner_is_refused(small_bundle: Path) -> None:
    with pytest.raises(ModelError, match="has no refiner"):
        BoundaryRefiner(load_bundle(small_bundle))


@pytest.mark.parametrize("quality", ["fast", "balanced"])
def test_an_untrained_refiner_leaves_a_segmentation_as_it_is(
    quality: str, untrained_model: Bundle, small_bundle: Path, speckle: np.ndarray
) -> None:
    # On the volume's own grid, so that nothing is resampled between the stages.
    volume = volume_from_array(speckle, SPACING_MM)
    first, both = (
        Segmenter(folder, quality=quality)(volume, cleanup=False)
        for folder in (small_bundle, untrained_model.folder)
    )
    assert np.array_equal(both.labels, first.labels)
    assert both.confidence == first.confidence


def test_a_segmentation_is_refined_unless_it_is_to_be_fast(
    follower: BoundaryRefiner, small_bundle: Path, speckle: np.ndarray
) -> None:
    volume = volume_from_array(speckle, SPACING_MM)
    model = follower.bundle.folder
    fast = Segmenter(model, quality="fast")(volume, cleanup=False)
    first = Segmenter(small_bundle, quality="fast")(volume, cleanup=False)
    assert np.array_equal(fast.labels, first.labels)
    refined = Segmenter(model, quality="balanced")(volume, cleanup=False)
    assert not np.array_equal(refined.labels, first.labels)
