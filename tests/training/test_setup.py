import tomllib
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import IGNORE
from amcnet.data.checks import check_dataset
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.io import Geometry, read_labels, read_volume, write_image, write_labels
from amcnet.training import read_config
from amcnet.training.setup import PrepareOptions, prepare

from .conftest import SPACING_MM


def files_of(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}


def test_everything_that_training_needs_is_written_and_the_input_is_not_touched(
    tmp_path: Path, blocks: Path
) -> None:
    before = files_of(blocks)
    preparation = prepare(check_dataset(blocks), tmp_path / "out", PrepareOptions(seed=3))
    assert files_of(blocks) == before
    config = read_config(tmp_path / "out")
    assert config.data.dataset == (tmp_path / "out").resolve()
    assert (config.name, config.seed) == ("blocks", 3)
    assert config.network.num_classes == 3
    assert config.augmentation.mirror_probability == 0
    assert config.preprocessing is None
    prepared = preparation.dataset
    assert prepared.preprocessing.spacing_mm == SPACING_MM
    assert [case.name for case in prepared.cases] == ["b0", "b1", "b2", "b3"]
    image, labels = prepared.cases[1].slab(0, 20)
    original = read_volume(blocks / "imagesTr" / "b1_0000.nrrd").array.astype(float)
    expected = (original - original.mean()) / original.std()
    np.testing.assert_allclose(image[0], expected, atol=2e-3)
    np.testing.assert_array_equal(labels, read_labels(blocks / "labelsTr" / "b1.nrrd").array)


def test_prepared_cases_are_kept_until_their_files_change(tmp_path: Path, blocks: Path) -> None:
    copy = tmp_path / "copy"
    for path in blocks.rglob("*.*"):
        target = copy / path.relative_to(blocks)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    out = tmp_path / "out"
    prepare(check_dataset(copy), out)
    made = {path.name: path.stat().st_mtime_ns for path in (out / "cases").iterdir()}
    label = copy / "labelsTr" / "b2.nrrd"
    labels = read_labels(label)
    labels.array[0, 0, 0] = 1
    report = check_dataset(copy)
    write_labels(label, labels.array, labels.geometry, report.dataset.table, overwrite=True)
    prepared = prepare(check_dataset(copy), out).dataset
    now = {path.name: path.stat().st_mtime_ns for path in (out / "cases").iterdir()}
    assert [name for name in made if made[name] != now[name]] == ["b2.zarr"]
    assert prepared.cases[2].slab(0, 1)[1][0, 0, 0] == 1


def test_ignored_voxels_and_fixed_figures_reach_the_prepared_cases(tmp_path: Path) -> None:
    """A CT of two cases in which a part of the labels is to be ignored."""
    data = tmp_path / "ct"
    names = {"background": 0, "liver": 1, "ignore": 2}
    geometry = Geometry.canonical((12, 16, 14), (3.0, 1.0, 1.0))
    rng = np.random.default_rng(0)
    for folder in ("imagesTr", "labelsTr"):
        (data / folder).mkdir(parents=True)
    for case in range(4):
        labels = np.zeros((12, 16, 14), np.uint8)
        labels[2:9, 3:10, 4:9] = 1
        labels[9:, :4, :4] = 2
        image = rng.normal(50, 30, labels.shape).astype(np.int16)
        write_image(data / "imagesTr" / f"c{case}_0000.nii.gz", image, geometry)
        write_image(data / "labelsTr" / f"c{case}.nii.gz", labels, geometry)
    import json

    description = {"labels": names, "file_ending": ".nii.gz", "channel_names": {"0": "CT"}}
    (data / "dataset.json").write_text(json.dumps(description))
    prepared = prepare(check_dataset(data), tmp_path / "out").dataset
    how = prepared.preprocessing.normalisation
    assert how.mean == pytest.approx(50, abs=3)
    image, labels = prepared.cases[0].slab(0, 12)
    assert (labels == IGNORE).sum() == 3 * 4 * 4
    assert prepared.table.num_classes == 2
    assert image.max() == pytest.approx((how.high - how.mean) / how.deviation, rel=1e-2)


def test_a_model_to_start_from_brings_its_grid_and_network(
    tmp_path: Path, blocks: Path, small_bundle: Path
) -> None:
    options = PrepareOptions(start_from=str(small_bundle))
    preparation = prepare(check_dataset(blocks), tmp_path / "out", options)
    config = read_config(tmp_path / "out")
    assert preparation.dataset.preprocessing.spacing_mm == (0.6, 1.0, 0.7)
    assert (config.network.width, config.network.num_classes) == (4, 3)
    assert config.sampling.window == 8
    assert Path(config.start_from) == small_bundle.resolve()
    with pytest.raises(ConfigError, match="expected one of them"):
        PrepareOptions(start_from="hand", window=8)


def test_spacing_window_and_folds_can_be_given(tmp_path: Path, blocks: Path) -> None:
    options = PrepareOptions(spacing_mm=(2, 3, 2), window=8, folds=4)
    preparation = prepare(check_dataset(blocks), tmp_path / "out", options)
    assert preparation.dataset.cases[0].shape == (10, 12, 10)
    text = (tmp_path / "out" / "config.toml").read_text()
    assert tomllib.loads(text)["sampling"]["window"] == 8
    from amcnet.data.splits import read_splits

    names = [case.name for case in preparation.dataset.cases]
    splits = read_splits(tmp_path / "out" / "splits_final.json", names)
    assert sorted(split.val[0] for split in splits) == names


def test_what_cannot_be_prepared_is_refused(tmp_path: Path, blocks: Path) -> None:
    with pytest.raises(OutputError, match="lies in the data set"):
        prepare(check_dataset(blocks), blocks / "prepared")
    report = check_dataset(tmp_path / "none")
    with pytest.raises(InputError, match="has 1 errors, expected none"):
        prepare(report, tmp_path / "out")
