from collections.abc import Callable
from pathlib import Path

import pytest

from amcnet.errors import ConfigError, ModelError
from amcnet.training import read_config
from amcnet.training.overrides import Overrides, override

WriteConfig = Callable[..., Path]


def test_nothing_given_changes_nothing(write_config: WriteConfig) -> None:
    config = read_config(write_config(10))
    assert override(config, Overrides()) == config


def test_values_take_the_place_of_the_configurations(write_config: WriteConfig) -> None:
    config = read_config(write_config(10))
    changed = override(config, Overrides(fold="all", max_hours=2, devices=3, nodes=2))
    assert changed.data.fold == "all"
    assert changed.schedule.max_hours == 2
    assert (changed.hardware.devices, changed.hardware.nodes) == (3, 2)
    assert changed.network == config.network


def test_network_takes_the_sizes_of_the_model_and_keeps_its_own_ends(
    write_config: WriteConfig, small_bundle: Path
) -> None:
    config = read_config(write_config(10, {"width = 4": "width = 9"}))
    changed = override(config, Overrides(start_from=str(small_bundle)))
    assert (changed.network.width, changed.network.num_classes) == (4, 3)
    assert changed.start_from == str(small_bundle.resolve())


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (Overrides(fold=-1), ConfigError, "fold"),
        (Overrides(devices=0), ConfigError, r"hardware\.devices"),
        (Overrides(start_from="no-such-model"), ModelError, "no-such-model"),
    ],
)
def test_values_that_are_not_allowed(
    write_config: WriteConfig, overrides: Overrides, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        override(read_config(write_config(10)), overrides)
