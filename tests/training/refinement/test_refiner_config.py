from pathlib import Path

import pytest

from amcnet.errors import ConfigError
from amcnet.training.refinement.refiner_config import RefinementConfig
from amcnet.training.refinement.refiner_config_reading import (
    is_refinement,
    read_refinement_config,
)

CONFIGS = Path(__file__).parents[3] / "configs"


def test_the_committed_configuration_is_one(tmp_path: Path) -> None:
    path = CONFIGS / "refine-1.toml"
    assert is_refinement(path)
    config = read_refinement_config(path)
    assert Path(config.refine).is_dir()
    assert config.data.dataset.is_absolute()
    assert "depth" not in config.augmentation.mirror_axes
    (tmp_path / "config.json").write_text(config.model_dump_json())
    assert read_refinement_config(tmp_path) == config


@pytest.mark.parametrize("name", ["paper.toml", "whole-hand-4.toml", "missing.toml"])
def test_others_are_not(name: str) -> None:
    assert not is_refinement(CONFIGS / name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("widths = [8", "width = [8", "unknown key 'width'.*nearest: widths"),
        ("shape = [32", "shape = [30", r"found patches of \(30, 32, 48\).*multiples of 4"),
        ("damaged_share = 0.7", "damaged_share = 1.7", "patches.damaged_share = 1.7"),
        ('refine = "', 'refine = 3 # "', "refine = 3"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (CONFIGS / "refine-1.toml").read_text()
    path = tmp_path / "refine.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        read_refinement_config(path)


def test_limits_take_the_place_of_what_the_file_says() -> None:
    config = read_refinement_config(CONFIGS / "refine-1.toml")
    assert config.with_limits(None, None) == config
    limited: RefinementConfig = config.with_limits("all", 0.5)
    assert limited.data.fold == "all"
    assert limited.schedule.max_hours == 0.5
    assert limited.schedule.steps == config.schedule.steps
