import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy.special import softmax

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError, OutputError
from amcnet.inference import Segmenter
from amcnet.inference.probabilities import probability_file, read_probabilities
from amcnet.io import Geometry, volume_from_array, volume_from_image

TABLE = LabelTable.from_names(["one", "two"])
GEOMETRY = Geometry.canonical((6, 9, 7), (1.0, 2.0, 3.0))


def test_what_is_read_is_the_softmax_of_what_was_written(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(0, 8, (4, 3, 5, 6)).astype(np.float32)
    with probability_file(tmp_path / "p.npy", (4, 5, 6), GEOMETRY, TABLE) as write:
        for plane in logits:
            write(plane)
    found = read_probabilities(tmp_path / "p.npy")
    assert found.names == ("background", "one", "two")
    assert found.geometry == GEOMETRY
    assert isinstance(found.array, np.memmap)
    np.testing.assert_allclose(found.array, softmax(logits.astype(float), axis=1), atol=1e-3)


def test_nothing_is_left_when_it_fails(tmp_path: Path) -> None:
    def interrupted() -> None:
        with probability_file(tmp_path / "p.npy", (4, 5, 6), GEOMETRY, TABLE) as write:
            write(np.zeros((3, 5, 6), np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())
    with (
        pytest.raises(OutputError, match="could not be written"),
        probability_file(tmp_path / "no" / "p.npy", (4, 5, 6), GEOMETRY, TABLE),
    ):
        pass


def test_of_a_volume_they_lie_on_its_grid(
    small_bundle: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    image = sitk.GetImageFromArray(speckle)
    image.SetSpacing((0.6, 0.8, 0.5))
    turned = volume_from_image(sitk.PermuteAxes(image, (2, 0, 1)))
    path = tmp_path / "p.npy"
    result = Segmenter(small_bundle)(turned, cleanup=False, probabilities=path)
    found = read_probabilities(path)
    np.testing.assert_allclose(found.array.sum(axis=1, dtype=np.float32), 1, atol=5e-3)
    volumes = [found.structure(name) for name in found.names]
    assert all(volume.geometry == result.geometry for volume in volumes)
    assert volumes[0].array.shape == speckle.shape
    # Interpolating logits or probabilities differs where classes are close, and only there.
    most_probable = np.stack([volume.array for volume in volumes]).argmax(axis=0)
    assert (most_probable == result.labels).mean() > 0.9
    assert len(np.unique(result.labels)) > 1


def test_keeping_them_changes_nothing(
    small_bundle: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    volume = volume_from_array(speckle, (0.5, 0.8, 0.6))
    segmenter = Segmenter(small_bundle)
    with_file = segmenter(volume, probabilities=tmp_path / "p.npy")
    assert np.array_equal(with_file.labels, segmenter(volume).labels)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.mkdir, (self.path,)


@pytest.mark.parametrize("is_pickle", [True, False])
def test_objects_are_never_read(tmp_path: Path, is_pickle: bool) -> None:
    path, trap = tmp_path / "p.npy", Trap(tmp_path / "ran")
    with probability_file(path, (1, 5, 6), GEOMETRY, TABLE) as write:
        write(np.zeros((3, 5, 6), np.float32))
    if is_pickle:
        path.write_bytes(pickle.dumps(trap))
    else:
        np.save(path, np.full((1, 3, 5, 6), trap, object), allow_pickle=True)
    with pytest.raises(InputError, match=r"p\.npy: cannot be read"):
        read_probabilities(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["empty", "cut", "archive", "other type", "classes", "grid"])
def test_damaged_files(tmp_path: Path, damage: str) -> None:
    path, about = tmp_path / "p.npy", tmp_path / "p.json"
    with probability_file(path, (1, 5, 6), GEOMETRY, TABLE) as write:
        write(np.zeros((3, 5, 6), np.float32))
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "archive":
        with path.open("wb") as file:
            np.savez(file, np.zeros((1, 3, 5, 6), np.float16))
    elif damage == "other type":
        np.save(path, np.zeros((1, 3, 5, 6), np.float32))
    elif damage == "classes":
        about.write_text(about.read_text().replace('"two"', '"two", "three"'))
    else:
        about.write_text(json.dumps(json.loads(about.read_text()) | {"geometry": {"size": [6, 9]}}))
    with pytest.raises(InputError, match=r"expected probabilities and their \.json"):
        read_probabilities(path)


def test_unusable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file, expected the description of prob"):
        read_probabilities(tmp_path / "missing.npy")
    (tmp_path / "p.json").write_text('{"geometry": 3, "classes": []}')
    np.save(tmp_path / "p.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"expected probabilities and their \.json"):
        read_probabilities(tmp_path / "p.npy")
    with probability_file(tmp_path / "p.npy", (1, 5, 6), GEOMETRY, TABLE) as write:
        write(np.zeros((3, 5, 6), np.float32))
    with pytest.raises(InputError, match="structure: found 'three', expected one of"):
        read_probabilities(tmp_path / "p.npy").structure("three")
