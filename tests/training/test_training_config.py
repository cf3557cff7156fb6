import os
from pathlib import Path

import pytest

from amcnet.errors import ConfigError
from amcnet.training import read_config
from amcnet.training.refinement.refiner_config_reading import is_refinement, read_refinement_config

MINIMAL = """
name = "small"
[data]
dataset = "data"
description = "nothing"
[schedule]
steps = 3
"""

FIXED = """
[preprocessing.normalisation]
low = 0
high = 2
mean = 1
deviation = 1
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_defaults_and_relative_dataset(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, MINIMAL))
    assert config.data.dataset == tmp_path / "data"
    assert config.loss.gamma == 0.5
    assert config.network.kernel_size == 3


def test_byte_order_mark_of_windows_editors_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL, encoding="utf-8-sig")
    assert read_config(path).name == "small"


CONFIGURATIONS = sorted(Path(__file__).parents[2].glob("configs/*.toml"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_committed_configurations_are_valid(path: Path) -> None:
    if is_refinement(path):
        assert read_refinement_config(path).patches.shape
    else:
        assert read_config(path).network.num_classes == 39


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "stepz = 5", r"unknown key 'schedule\.stepz', .*nearest: steps"),
        (MINIMAL + "[network]\nwidth = 0", r"network\.width = 0: .*greater than or equal to 1"),
        (MINIMAL + '[network]\nbranches = "4d"', r"network\.branches = '4d': .*'2d', '3d' or"),
        (MINIMAL.replace("steps = 3", ""), r"key 'schedule\.steps' is missing"),
        ('nam = "x"\n' + MINIMAL, r"unknown key 'nam', .*nearest: name"),
        (MINIMAL + "[network]\nkernel_size = 4", r"network\.kernel_size = 4: .*odd number"),
        (
            MINIMAL + '[network]\nname = "vnet"\n[loss]\ndeep_supervision = true',
            r"found loss\.deep_supervision with the network 'vnet', expected it with 'amcnet'",
        ),
        (
            'start_from = "hand"\ninitial_background = 0.9\n' + MINIMAL,
            r"found start_from and initial_background, expected only one",
        ),
        (MINIMAL + "[loss]\ngamma = inf", r"loss\.gamma = inf: .*finite"),
        (MINIMAL.replace("small", "../up"), r"name = '\.\./up'"),
        ("name = ", "not valid TOML"),
        ("seed = 4294967296\n" + MINIMAL, r"seed = 4294967296: .*less than 4294967296"),
        (
            MINIMAL.replace("[schedule]", 'fold = "none"\n[schedule]'),
            r"data\.fold = 'none': .*valid integer.* or input should be 'all'",
        ),
        (MINIMAL + FIXED + "foo = 1", r"unknown key 'preprocessing\.normalisation\.foo', .*low"),
        (MINIMAL + FIXED.replace("low = 0", "low = 5"), r"normalisation: .*expected low < high"),
        (
            MINIMAL + '[preprocessing]\nnormalisation = ["zscore", "x"]',
            r"preprocessing\.normalisation\.1 = 'x': .*'zscore'",
        ),
    ],
)
def test_bad_values_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(write(tmp_path, text))
    assert "config.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        read_config(tmp_path / "none.toml")


def test_former_keys_are_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    former = (
        MINIMAL
        + """
[network]
pools = [[2, 2, 2]]
block = [1, 2, 2]
detail = 4
[loss]
present = "batch"
[augmentation]
redraw_probability = 0.25
"""
    )
    current = (
        MINIMAL
        + """
[network]
pool_sizes = [[2, 2, 2]]
space_to_depth = [1, 2, 2]
refinement_channels = 4
[loss]
batch_dice = true
[augmentation]
label_to_image_probability = 0.25
"""
    )
    config = read_config(write(tmp_path, former))
    assert len(caplog.records) == 5
    assert "network.block is now called network.space_to_depth" in caplog.text
    assert config == read_config(write(tmp_path, current))
    with pytest.raises(ConfigError, match=r"network\.block and network\.space_to_depth, expected"):
        read_config(write(tmp_path, current.replace("space_to", "block = [1, 2, 2]\nspace_to")))


def test_deep_toml_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match=r"config\.toml: is not valid TOML"):
        read_config(path)


@pytest.mark.parametrize(
    "text",
    [
        "seed = " + "9" * 5000,
        "seed = 1e400",
        "seed = nan",
        "[optimiser]\nlearning_rate = nan\n",
        "[optimiser]\nlearning_rate = inf\n",
        "[schedule]\nsteps = 99999999999999999999999999\n",
        "a = " + "[" * 100_000,
        "a" + ".a" * 100_000 + " = 1",
        "seed = 2020-13-40",
        'name = "\\u0000"',
    ],
)
def test_what_no_configuration_may_hold_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL + text if text.startswith("[") else f"{text}\n{MINIMAL}")
    with pytest.raises(ConfigError, match=r"config\.toml: ") as error:
        read_config(path)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 5000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_does_not_make_anything_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(ConfigError):
        read_config(tmp_path / "config.toml")
    with pytest.raises(ConfigError):
        read_config(tmp_path)
