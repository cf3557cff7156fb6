from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet import segment
from amcnet.bundle import load_bundle
from amcnet.errors import ConfigError, InputError
from amcnet.inference import Segmenter, Stage, read_probabilities
from amcnet.inference.sources import as_volume
from amcnet.io import (
    Reading,
    read_volume,
    volume_from_array,
    volume_from_image,
    write_image,
)

SPACING_MM = (0.5, 0.8, 0.6)


@pytest.fixture
def pair(speckle: np.ndarray) -> np.ndarray:
    """Two different channels, (channel, scan, lateral, depth)."""
    second = np.random.default_rng(8).integers(0, 200, speckle.shape).astype(np.uint8)
    return np.stack([speckle, second])


def image_of(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING_MM[::-1])
    return image


def test_every_kind_of_source_gives_the_same(
    two_channel_bundle: Path, pair: np.ndarray, tmp_path: Path
) -> None:
    files = [tmp_path / "a.nrrd", tmp_path / "b.mha"]
    for path, channel in zip(files, pair, strict=True):
        sitk.WriteImage(image_of(channel), str(path))
    expected = segment(pair, SPACING_MM, model=two_channel_bundle).labels
    assert len(np.unique(expected)) > 1
    for channels in (files, tuple(map(image_of, pair)), [files[0], image_of(pair[1])]):
        result = segment(channels=channels, model=two_channel_bundle)
        assert np.array_equal(result.labels, expected)
        assert result.spacing_mm == pytest.approx(SPACING_MM)
    swapped = segment(pair[::-1], SPACING_MM, model=two_channel_bundle).labels
    assert not np.array_equal(swapped, expected)


def test_each_channel_is_normalised_by_its_own_figures(
    two_channel_bundle: Path, pair: np.ndarray
) -> None:
    torch = pytest.importorskip("torch")
    from amcnet.bundle.bundle_writing import load_network_weights
    from amcnet.networks import build_network

    # One window on the network's own grid: nothing is resampled and nothing blended.
    volume = pair[:, :8].astype(np.float32)
    bundle = load_bundle(two_channel_bundle)
    network = build_network(bundle.description.architecture).eval()
    network.load_state_dict(load_network_weights(bundle))
    first = (volume[0] - volume[0].mean()) / volume[0].std()
    second = (np.clip(volume[1], 10, 150) - 40) / 50
    with torch.inference_mode():
        logits = network(torch.from_numpy(np.stack([first, second]))[None])[0].numpy()
    result = segment(
        volume, (0.6, 1.0, 0.7), model=two_channel_bundle, backend="torch", cleanup=False
    )
    assert (result.labels == logits.argmax(axis=0)).mean() > 0.9999


def test_channels_may_be_stored_in_other_axes(two_channel_bundle: Path, pair: np.ndarray) -> None:
    first, second = (volume_from_image(image_of(channel)) for channel in pair)
    flipped = sitk.Flip(sitk.PermuteAxes(image_of(pair[1]), (2, 0, 1)), (True, False, True))
    segmenter = Segmenter(two_channel_bundle)
    expected = segmenter(channels=[first, second]).labels
    found = segmenter(channels=[first, volume_from_image(flipped)]).labels
    assert np.array_equal(found, expected)


def test_unusable_channels(two_channel_bundle: Path, small_bundle: Path, pair: np.ndarray) -> None:
    two = Segmenter(two_channel_bundle)
    volumes = [volume_from_array(channel, SPACING_MM) for channel in pair]
    with pytest.raises(InputError, match="channels: found 1, expected 2, one for each input"):
        two(volumes[0])
    with pytest.raises(InputError, match="channels: found 3, expected 2"):
        two(channels=[*volumes, volumes[0]])
    with pytest.raises(InputError, match="channels: found 2, expected 1"):
        Segmenter(small_bundle)(channels=volumes)
    with pytest.raises(InputError, match=r"channels: found '.*', expected a list"):
        two(channels="scan.nrrd")
    with pytest.raises(InputError, match="expected either a source or channels"):
        two()
    moved = volume_from_array(pair[1], (0.5, 0.8, 0.7))
    with pytest.raises(InputError, match="channel 1: does not lie on the grid of channel 0: spac"):
        two(channels=[volumes[0], moved])
    with pytest.raises(InputError, match=r"expected an image \(scan, .* are these the logits"):
        segment(pair, SPACING_MM, model=small_bundle)
    with pytest.raises(InputError, match=r"expected \(channel, scan, lateral, depth\)"):
        segment(pair[0], SPACING_MM, model=two_channel_bundle)


def test_a_list_is_a_batch(small_bundle: Path, pair: np.ndarray, tmp_path: Path) -> None:
    alone = [segment(array, SPACING_MM, model=small_bundle).labels for array in pair]
    both = segment(list(pair), SPACING_MM, model=small_bundle)
    assert all(np.array_equal(r.labels, labels) for r, labels in zip(both, alone, strict=True))
    both = Segmenter(small_bundle)([image_of(array) for array in pair])
    assert all(np.array_equal(r.labels, labels) for r, labels in zip(both, alone, strict=True))
    with pytest.raises(ConfigError, match="found a list of volumes, expected one"):
        segment(list(pair), SPACING_MM, model=small_bundle, probabilities=tmp_path / "p.npy")


@pytest.mark.parametrize("dtype", ["float32", "uint8", "bfloat16"])
def test_tensors_are_arrays(small_bundle: Path, speckle: np.ndarray, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(speckle).to(getattr(torch, dtype))
    array = tensor.float().numpy()
    expected = segment(array, SPACING_MM, model=small_bundle).labels
    if dtype == "float32":
        tensor = tensor.requires_grad_()
    assert np.array_equal(segment(tensor, SPACING_MM, model=small_bundle).labels, expected)
    assert np.array_equal(Segmenter(small_bundle)(tensor, SPACING_MM).labels, expected)


def test_spacing_replaces_that_of_an_image(small_bundle: Path, speckle: np.ndarray) -> None:
    image = sitk.PermuteAxes(image_of(speckle), (2, 0, 1))
    expected = segment(speckle, SPACING_MM, model=small_bundle)
    image.SetSpacing((1.0, 1.0, 1.0))
    result = segment(image, SPACING_MM, model=small_bundle)
    assert result.spacing_mm == pytest.approx(SPACING_MM)
    assert np.array_equal(result.labels, expected.labels)


def test_axes_of_a_volume_can_be_said(small_bundle: Path, speckle: np.ndarray) -> None:
    image = image_of(speckle)
    expected = segment(image, model=small_bundle, axes="depth,lateral,-scan")
    result = segment(volume_from_image(image), model=small_bundle, axes="depth,lateral,-scan")
    assert result.geometry == expected.geometry
    assert np.array_equal(result.labels, expected.labels)


def test_all_that_the_command_takes(
    small_bundle: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    seen: list[tuple[Stage, int, int]] = []
    result = segment(
        speckle,
        SPACING_MM,
        model=small_bundle,
        device="cpu",
        memory_gb=2,
        only="thumb",
        probabilities=tmp_path / "p.npy",
        progress=lambda *state: seen.append(state),
    )
    assert set(result.confidence) <= set(result.kept or ())
    assert len(result.kept or ()) == 6
    assert read_probabilities(tmp_path / "p.npy").array.shape[1] == 39
    assert seen[0] == (Stage.READING, 0, 0)
    assert (Stage.LABELLING, 24, 24) in seen
    runs = [(done, total) for stage, done, total in seen if stage is Stage.NETWORK]
    assert runs[0][0] == 0
    assert runs[-1][0] == runs[-1][1] > 0
    with pytest.raises(InputError, match="'thumbs' is not in"):
        segment(speckle, SPACING_MM, model=small_bundle, only="thumbs")


def test_other_axes_keep_what_the_file_says(tmp_path: Path) -> None:
    """A NIfTI volume read by hand, then segmented with other axes, is written with its forms."""
    affine = np.diag([-0.5, 0.4, 0.3, 1.0])
    image = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.uint8), affine)
    image.set_qform(affine, 2)
    image.set_sform(affine, 4)
    nibabel.save(image, tmp_path / "a.nii.gz")
    volume = read_volume(tmp_path / "a.nii.gz")
    turned = as_volume(volume, Reading(axes="scan,lateral,-depth"))
    assert turned.geometry.axes == "scan,lateral,-depth"
    write_image(tmp_path / "b.nii.gz", turned.array, turned.geometry)
    written = nibabel.load(tmp_path / "b.nii.gz").header
    assert (int(written["qform_code"]), int(written["sform_code"])) == (2, 4)
    np.testing.assert_allclose(written.get_sform(), affine)
