import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from amcnet.data.dataset_check import check_dataset
from amcnet.data.splits import SPLIT_FILE
from amcnet.errors import ConfigError
from amcnet.training import TrainingConfig, read_config
from amcnet.training.data_source import choose_split, find_source
from amcnet.training.setup import prepare

WriteConfig = Callable[..., Path]


def with_data(config: TrainingConfig, **changes: object) -> TrainingConfig:
    return config.model_copy(update={"data": config.data.model_copy(update=changes)})


def test_split_is_by_fraction_by_folds_or_the_data_sets_own(
    write_config: WriteConfig, tmp_path: Path, blocks: Path
) -> None:
    config = read_config(write_config(10))
    source = find_source(config, tmp_path / "run")
    assert [len(part) for part in vars(choose_split(config, source)).values()] == [3, 1]
    half = with_data(config, validation_fraction=0.5)
    assert len(choose_split(half, source).val) == 2
    folds = [choose_split(with_data(config, folds=4, fold=f), source).val for f in range(4)]
    assert sorted(folds) == [("b0",), ("b1",), ("b2",), ("b3",)]
    assert choose_split(with_data(config, fold="all"), source).train == source.names
    copy = tmp_path / "copy"
    shutil.copytree(blocks, copy)
    (copy / SPLIT_FILE).write_text(json.dumps([{"train": ["b2"], "val": ["b0"]}]))
    own = with_data(config, dataset=copy)
    source = find_source(own, tmp_path / "run")
    assert choose_split(own, source).train == ("b2",)
    with pytest.raises(ConfigError, match=r"data\.fold = 1, expected 0 to 0, or 'all'"):
        choose_split(with_data(own, fold=1), source)


def test_preparing_a_raw_data_set_says_how_far_it_is(
    write_config: WriteConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = find_source(read_config(write_config(10)), tmp_path / "run")
    with caplog.at_level("INFO", logger="amcnet"):
        source.prepare()
    assert caplog.messages == [f"{done} of 4 cases are prepared" for done in (1, 2, 3, 4)]
    assert len(source.open().cases) == 4


def test_configuration_and_data_must_fit(
    write_config: WriteConfig, tmp_path: Path, blocks: Path
) -> None:
    config = read_config(write_config(10))
    for key, value in (("num_classes", 7), ("in_channels", 2)):
        network = config.network.model_copy(update={key: value})
        with pytest.raises(ConfigError, match=rf"network\.{key} = {value}, expected"):
            find_source(config.model_copy(update={"network": network}), tmp_path)
    with pytest.raises(ConfigError, match="key 'preprocessing' is missing"):
        find_source(config.model_copy(update={"preprocessing": None}), tmp_path)
    prepare(check_dataset(blocks), tmp_path / "prepared")
    prepared = with_data(config, dataset=tmp_path / "prepared")
    assert find_source(prepared, tmp_path).raw is None
    other = config.preprocessing.model_copy(update={"spacing_mm": (2.0, 2.0, 2.0)})
    with pytest.raises(ConfigError, match="was prepared with"):
        find_source(prepared.model_copy(update={"preprocessing": other}), tmp_path)
