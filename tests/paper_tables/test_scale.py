from pathlib import Path

import numpy as np
import pytest

from amcnet.errors import ConfigError
from amcnet.networks import network_names
from amcnet.networks.registry import complete, find_spec
from amcnet.paper_tables.rows import SETTINGS, paper_networks, paper_tables
from amcnet.paper_tables.scale import SCALES, read_scale
from amcnet.phantom.grids import HALF_GRID
from amcnet.training.config_reading import read_config

CONFIGS = Path(__file__).parents[2] / "configs"
ROWS = paper_tables().rows


@pytest.mark.parametrize("name", SCALES)
def test_rows_differ_in_network_loss_and_rate_alone(name, tmp_path):
    scale = read_scale(name)
    configs = {row: scale.training_config(ROWS[row], tmp_path) for row in ROWS}
    first = next(iter(configs.values()))
    for row, config in configs.items():
        assert config.name == row
        assert config.loss.gamma == ROWS[row].gamma
        assert config.loss.cross_entropy == 0
        rate = {"learning_rate": first.optimiser.learning_rate}
        same = {
            "name": first.name,
            "network": first.network,
            "loss": config.loss.model_copy(update={"gamma": first.loss.gamma}),
            "optimiser": config.optimiser.model_copy(update=rate),
        }
        assert config.model_copy(update=same) == first


def test_unseen_hands_are_not_among_those_of_the_training():
    for name in SCALES:
        data = read_scale(name).data
        assert data.training_seed + data.training < 800_000
        assert data.unseen_seed >= 850_000


def test_the_paper_scale_has_the_papers_sizes(tmp_path):
    scale, paper = read_scale("paper"), read_config(CONFIGS / "paper.toml")
    for row in ROWS.values():
        config = scale.training_config(row, tmp_path)
        key = row.network if row.branches in (None, "2d+3d") else f"amcnet-{row.branches}"
        assert config.network == complete(paper_networks()[key])
    ours = scale.training_config(ROWS["amcnet-ac"], tmp_path)
    for part in ("preprocessing", "network", "loss", "sampling", "optimiser"):
        assert getattr(ours, part) == getattr(paper, part)
    assert (scale.data.training, scale.data.unseen) == (77, 26)


def test_the_small_scale_is_a_quarter_and_pads_nowhere(tmp_path):
    scale = read_scale("small")
    grid = scale.data.recipe().grid
    assert grid.shape == HALF_GRID.shape
    np.testing.assert_allclose(grid.spacing_mm, HALF_GRID.spacing_mm)
    for network, width in scale.width.items():
        assert 4 * width == find_spec(network).width
    config = scale.training_config(ROWS["amcnet-ac"], tmp_path)
    shape = config.preprocessing.network_shape(grid.shape, grid.spacing_mm)
    assert shape[0] == config.sampling.window
    for facts in map(find_spec, network_names()):
        assert not any(size % step for size, step in zip(shape, facts.divisor, strict=True))


def test_another_seed_changes_nothing_else(tmp_path):
    scale = read_scale("small")
    other = scale.with_seed(7)
    assert (other.name, other.data) == ("small-seed-7", scale.data)
    first, second = (one.training_config(ROWS["unet"], tmp_path) for one in (scale, other))
    assert second == first.model_copy(update={"seed": 7})
    assert first.seed != 7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("amcnet = 16", "amcnet = 0", "width.amcnet: Input should be greater than 0"),
        ("shape =", "size =", "data.shape: Field required"),
        ('name = "small"', "name = ", "is not valid TOML"),
    ],
)
def test_a_file_with_a_mistake_is_refused(tmp_path, old, new, message):
    text = (SETTINGS / "small.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        read_scale(str(path))


def test_what_training_does_not_know_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    text = (SETTINGS / "small.toml").read_text()
    path.write_text(text.replace("steps = 1200", "stops = 1200").replace("vnet = 4\n", ""))
    scale = read_scale(str(path))
    with pytest.raises(ConfigError, match=r"training\.schedule"):
        scale.training_config(ROWS["unet"], tmp_path)
    with pytest.raises(ConfigError, match=r"has no width\.vnet, expected one"):
        scale.training_config(ROWS["vnet"], tmp_path)
    with pytest.raises(ConfigError, match="found 'huge', expected small, long, paper or a file"):
        read_scale("huge")
