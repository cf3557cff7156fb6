import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import IGNORE, hand_label_table
from amcnet.bundle import load_bundle
from amcnet.data import Preprocessing
from amcnet.data.dataset_check import check_dataset
from amcnet.data.preparation import prepare_dataset
from amcnet.data.prepared_store import is_prepared
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.io import Geometry, read_labels, read_volume, write_image, write_labels
from amcnet.networks import Architecture
from amcnet.training import read_config
from amcnet.training.config_template import TemplateValues, config_text
from amcnet.training.setup import PrepareOptions, prepare
from amcnet.training.start_plan import TrainingRecipe
from amcnet.training.start_remarks import start_remarks

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
    with pytest.raises(ConfigError, match="expected only one of them"):
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


def test_an_edited_configuration_is_kept(tmp_path: Path, blocks: Path) -> None:
    out = tmp_path / "out"
    config, new = out / "config.toml", out / "config.new.toml"
    prepare(check_dataset(blocks), out)
    preparation = prepare(check_dataset(blocks), out, PrepareOptions(seed=1))
    assert not new.exists()
    assert read_config(out).seed == 1  # nobody had edited it
    assert not any("config.new.toml" in reason for reason in preparation.reasons)
    edited = config.read_text().replace("0.003", "0.002")
    config.write_text(edited)
    preparation = prepare(check_dataset(blocks), out, PrepareOptions(seed=2))
    assert config.read_text() == edited
    assert read_config(new).seed == 2
    assert preparation.reasons[-1] == (
        "config.toml has been edited and is kept; the new one is config.new.toml"
    )
    config.unlink()
    prepare(check_dataset(blocks), out, PrepareOptions(seed=3))
    assert read_config(out).seed == 3
    assert not new.exists()


def test_the_time_decides_the_size(tmp_path: Path, blocks: Path) -> None:
    configs = []
    for hours in (1e-4, 1000):
        out = tmp_path / f"{hours:g}"
        prepare(check_dataset(blocks), out, PrepareOptions(max_hours=hours))
        text = (out / "config.toml").read_text()
        assert f"{hours:g} hours are enough for" in text
        configs.append(read_config(out))
    short, long = configs
    assert (short.network.width, long.network.width) == (8, 16)
    assert (short.schedule.max_hours, long.schedule.max_hours) == (1e-4, 1000)
    assert "too few to learn much" in (tmp_path / "0.0001" / "config.toml").read_text()


def test_images_unlike_those_of_a_model_are_remarked(blocks: Path, small_bundle: Path) -> None:
    report = check_dataset(blocks)
    model = load_bundle(small_bundle).description
    (names,) = start_remarks(report.dataset, report.properties, model)
    assert "knows none of 'left block', 'right block'" in names
    mri = [
        replace(case, channels=tuple(replace(c, maximum=1900.0) for c in case.channels))
        for case in report.properties
    ]
    remarks = start_remarks(report.dataset, mri, model)
    assert "intensities run from 0 to 1900, expected 0 to 255" in remarks[1]
    hand = replace(report.dataset, table=hand_label_table())
    assert start_remarks(hand, report.properties, model) == []


def test_what_cannot_be_prepared_is_refused(tmp_path: Path, blocks: Path) -> None:
    with pytest.raises(OutputError, match="lies in the data set"):
        prepare(check_dataset(blocks), blocks / "prepared")
    report = check_dataset(tmp_path / "none")
    with pytest.raises(InputError, match="has 1 error, expected none"):
        prepare(report, tmp_path / "out")


def copy_of(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy)
    return copy


@pytest.mark.parametrize(
    "network", [Architecture(space_to_depth=[1, 2, 2]), Architecture(name="vnet")]
)
def test_names_of_any_kind_give_a_valid_configuration(network: Architecture) -> None:
    name = 'äö "x" \\ \U0001f600\x7f\n'
    values = TemplateValues(
        name="x",
        seed=0,
        start_from=name,
        description=f"4 labelled volumes of {name}",
        network=network,
        window=8,
        recipe=TrainingRecipe(),
        reasons=("'b\nmode = 1\x85' is normalised",),
    )
    config = tomllib.loads(config_text(values))
    assert config["data"]["description"] == values.description
    assert config["start_from"] == name
    assert Architecture.model_validate(config["network"]) == network
    assert "mode" not in config


def test_only_the_cases_of_the_last_call_stay(tmp_path: Path, blocks: Path) -> None:
    data, out = copy_of(blocks, tmp_path / "data"), tmp_path / "out"
    prepare(check_dataset(data), out)
    (out / "cases" / "b0.zarr-partial-0123456789ab").mkdir()
    (data / "imagesTr" / "b3_0000.nrrd").unlink()
    (data / "labelsTr" / "b3.nrrd").unlink()
    prepare(check_dataset(data), out)
    assert sorted(p.name for p in (out / "cases").iterdir()) == ["b0.zarr", "b1.zarr", "b2.zarr"]


def test_an_interrupted_second_call_leaves_no_complete_data_set(
    tmp_path: Path, blocks: Path
) -> None:
    report = check_dataset(blocks)
    prepare(report, tmp_path / "out")

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    coarse = PrepareOptions(spacing_mm=(2, 3, 2))
    with pytest.raises(KeyboardInterrupt):
        prepare(report, tmp_path / "out", coarse, interrupt)
    assert not is_prepared(tmp_path / "out")
    cases = prepare(report, tmp_path / "out", coarse).dataset.cases
    assert {case.shape for case in cases} == {(10, 12, 10)}


def test_structures_that_the_grid_is_too_coarse_for_are_named(tmp_path: Path, blocks: Path) -> None:
    fine = prepare(check_dataset(blocks), tmp_path / "fine")
    assert not any("beware" in reason for reason in fine.reasons)
    coarse = PrepareOptions(spacing_mm=(20, 36, 20))
    preparation = prepare(check_dataset(blocks), tmp_path / "out", coarse)
    assert "'left block' (in 4 of 4 cases)" in preparation.reasons[-1]
    assert "# - beware" in preparation.config.read_text()


def test_a_folder_with_other_files_is_not_written_to(tmp_path: Path, blocks: Path) -> None:
    other = copy_of(blocks, tmp_path / "other")
    before = files_of(other)
    with pytest.raises(OutputError, match="holds other files"):
        prepare(check_dataset(blocks), other)
    assert files_of(other) == before
    with pytest.raises(OutputError, match="is a file"):
        prepare(check_dataset(blocks), other / "dataset.json")


def test_a_model_for_other_channels_is_refused(tmp_path: Path, blocks: Path) -> None:
    dataset = check_dataset(blocks).dataset
    two = Preprocessing(normalisation=("zscore", "zscore"))
    with pytest.raises(InputError, match="is for 2 channels, expected 1"):
        prepare_dataset(dataset, two, tmp_path)


@pytest.mark.parametrize("options", [{"seed": -1}, {"seed": 2**32}, {"window": 0}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"(seed|window): found .*, expected"):
        PrepareOptions(**options)
