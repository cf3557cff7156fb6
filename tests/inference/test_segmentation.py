import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from threading import get_ident

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet import segment
from amcnet.bundle import load_bundle
from amcnet.errors import ConfigError, InputError
from amcnet.inference import Segmenter, Stage
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.labelling import label_slices
from amcnet.inference.openvino_network import OpenVINONetwork
from amcnet.inference.sliding_windows import Windows
from amcnet.io import Geometry, read_volume, volume_from_array, write_image

SPACING_MM = (0.5, 0.8, 0.6)


def canonical_image(speckle: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(speckle)
    image.SetSpacing(SPACING_MM[::-1])
    return image


def test_array_image_and_file_give_the_same(
    small_bundle: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "hand.nii.gz"
    write_image(path, speckle, Geometry.canonical(speckle.shape, SPACING_MM))
    results = [
        segment(speckle, SPACING_MM, model=small_bundle),
        segment(canonical_image(speckle), model=small_bundle),
        segment(path, model=small_bundle),
        segment(read_volume(path), model=small_bundle),
    ]
    assert len(np.unique(results[0].labels)) > 1
    for result in results:
        assert result.labels.shape == speckle.shape
        assert result.labels.dtype == np.uint8
        assert np.array_equal(result.labels, results[0].labels)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("flips", [(False,) * 3, (True, False, True), (False, True, False)])
def test_other_storage_gives_the_same_bones(
    small_bundle: Path,
    speckle: np.ndarray,
    tmp_path: Path,
    order: tuple[int, int, int],
    flips: tuple[bool, bool, bool],
) -> None:
    image = canonical_image(speckle)
    stored = sitk.Flip(sitk.PermuteAxes(image, order), flips)
    result = Segmenter(small_bundle)(stored)
    path = tmp_path / "labels.mha"
    result.write(path)
    written = sitk.ReadImage(str(path))
    assert written.GetSize() == stored.GetSize()
    np.testing.assert_allclose(written.GetSpacing(), stored.GetSpacing())
    np.testing.assert_allclose(written.GetOrigin(), stored.GetOrigin())
    np.testing.assert_allclose(written.GetDirection(), stored.GetDirection())
    back = sitk.DICOMOrient(written, "LPS")
    expected = Segmenter(small_bundle)(image).labels
    assert np.array_equal(sitk.GetArrayFromImage(back), expected)


def test_axes_can_be_said(small_bundle: Path, speckle: np.ndarray) -> None:
    turned = sitk.GetImageFromArray(np.ascontiguousarray(speckle.transpose(1, 0, 2)[::-1]))
    turned.SetSpacing((SPACING_MM[2], SPACING_MM[0], SPACING_MM[1]))
    said = segment(turned, model=small_bundle, axes="depth,scan,-lateral")
    expected = segment(speckle, SPACING_MM, model=small_bundle)
    assert np.array_equal(said.labels, expected.labels)


@pytest.mark.parametrize("shape", [(1, 30, 20), (3, 40, 36), (24, 7, 5)])
def test_thin_volumes_are_handled(small_bundle: Path, shape: tuple[int, int, int]) -> None:
    volume = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    assert segment(volume, SPACING_MM, model=small_bundle).labels.shape == shape


def test_constant_volume(small_bundle: Path) -> None:
    result = segment(np.full((12, 20, 16), 7, np.uint8), SPACING_MM, model=small_bundle)
    assert result.labels.shape == (12, 20, 16)


def test_backends_give_the_same_logits(small_bundle: Path, torch_network: Callable) -> None:
    window = np.random.default_rng(0).standard_normal((1, 8, 32, 24)).astype(np.float32)
    first = OpenVINONetwork(load_bundle(small_bundle).path("model.xml")).logits(window)
    second = torch_network(small_bundle)(window)
    # OpenVINO computes in bfloat16 where the processor has it.
    assert np.abs(first - second).mean() < 0.03 * np.abs(second).mean()


def test_confidence_is_a_probability(small_bundle: Path, speckle: np.ndarray) -> None:
    result = segment(speckle, SPACING_MM, model=small_bundle)
    found = set(np.unique(result.labels)) - {0}
    assert found == set(result.confidence)
    assert all(1 / 39 <= value <= 1 for value in result.confidence.values())


def test_progress_reaches_the_end(small_bundle: Path, speckle: np.ndarray) -> None:
    from amcnet.io import volume_from_array

    calls = []

    def progress(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.LABELLING:
            calls.append((done, total))

    Segmenter(small_bundle)(volume_from_array(speckle, SPACING_MM), progress=progress)
    assert calls == [(i, 24) for i in range(1, 25)]


def test_unusable_sources(small_bundle: Path, speckle: np.ndarray) -> None:
    with pytest.raises(InputError, match="needs spacing_mm"):
        segment(speckle, model=small_bundle)
    with pytest.raises(InputError, match="expected an array in"):
        segment(speckle, SPACING_MM, axes="scan,depth,lateral", model=small_bundle)
    with pytest.raises(InputError, match="finite float32"):
        segment(speckle * 1e300, SPACING_MM, model=small_bundle)
    with pytest.raises(InputError, match="expected real numbers"):
        segment(speckle.astype(object), SPACING_MM, model=small_bundle)
    with pytest.raises(InputError, match="is its spacing in mm"):
        segment(speckle, (500.0, 800.0, 600.0), model=small_bundle)
    with pytest.raises(InputError, match="voxels are 90 mm long, expected at most"):
        segment(speckle, (1.0, 90.0, 1.0), model=small_bundle)
    with pytest.raises(InputError, match="source is a int"):
        segment(5, model=small_bundle)


def test_several_threads_may_use_one_segmenter(small_bundle: Path, speckle: np.ndarray) -> None:
    segmenter = Segmenter(small_bundle)
    volumes = [volume_from_array(array[:10], SPACING_MM) for array in (speckle, speckle[:, ::-1])]
    alone = [segmenter(volume).labels for volume in volumes]
    order: list[int] = []

    def progress(stage: Stage, _: int, __: int) -> None:
        if stage is Stage.LABELLING:
            order.append(get_ident())
            time.sleep(0.01)  # in which the other thread could begin

    with ThreadPoolExecutor(len(volumes)) as pool:
        results = list(pool.map(lambda one: segmenter(one, progress=progress), volumes))
    assert sum(a != b for a, b in pairwise(order)) == 1
    assert all(np.array_equal(r.labels, labels) for r, labels in zip(results, alone, strict=True))


class _BetweenTwo:
    """An engine whose third class is the second best of both samples: it wins between them only."""

    network_seconds = 0.0

    def label_slices(
        self,
        image: np.ndarray,
        shape: tuple[int, int, int],
        _: Windows,
        meter: ConfidenceMeter,
        *_rest: object,
    ) -> Iterator[np.ndarray]:
        logits = np.zeros((39, *image.shape[2:]), np.float32)
        assert logits.shape[2] == 2
        logits[[1, 2, 3, 3], 0, [0, 1, 0, 1]] = 3, 3, 2, 2
        return label_slices(iter([logits]), 1, shape, meter)


def test_a_structure_between_samples_is_found_too(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = Segmenter(small_bundle)
    monkeypatch.setattr(segmenter, "_engine", _BetweenTwo())
    array = np.arange(10, dtype=np.uint8).reshape(1, 1, 10)
    result = segmenter(volume_from_array(array, (0.6, 1.0, 0.14)))
    assert set(np.unique(result.labels)) == {1, 2, 3}
    assert list(result.confidence) == [1, 2, 3]
    assert result.confidence[3] == 0 < min(result.confidence[1], result.confidence[2])


@pytest.mark.parametrize("memory_gb", [0, -1, float("nan")])
def test_no_memory_is_refused_at_once(small_bundle: Path, memory_gb: float) -> None:
    with pytest.raises(ConfigError, match=r"memory: found .* GiB, expected more than 0"):
        Segmenter(small_bundle, memory_gb=memory_gb)


@pytest.fixture(scope="module")
def block_bundle(make_bundle: Callable[..., Path]) -> Path:
    network = {"pools": [[2, 2, 2], [2, 2, 2], [1, 2, 2]], "block": [2, 3, 2]}
    return make_bundle("blocks", network=network, window=48, shortest_window=20)


@pytest.mark.usefixtures("in_float32")
@pytest.mark.parametrize("shape", [(5, 9, 7), (25, 40, 33), (70, 31, 40)])
def test_networks_on_blocks_are_the_same_on_both_engines(
    block_bundle: Path, shape: tuple[int, int, int]
) -> None:
    """Volumes smaller than what the network takes, than its window, and longer than it."""
    volume = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    one, other = (
        segment(volume, (0.6, 1.0, 0.7), model=block_bundle, backend=backend, cleanup=False)
        for backend in ("openvino", "torch")
    )
    assert one.labels.shape == shape
    assert len(np.unique(one.labels)) > 1
    # Where two logits are as good as equal, rounding decides.
    assert np.mean(one.labels == other.labels) > 0.999
