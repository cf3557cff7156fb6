"""A model of the blocks, and scans of them without labels."""

from pathlib import Path

import pytest

from amcnet.bundle import Bundle
from amcnet.training import read_config, train

from ..conftest import CONFIG


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, blocks: Path) -> Bundle:
    """A model that finds both blocks but is not done learning."""
    folder = tmp_path_factory.mktemp("start")
    text = CONFIG.format(steps=60, optimiser="")
    path = folder / "blocks.toml"
    path.write_text(text.replace('"blocks"\ndesc', f'"{blocks.as_posix()}"\ndesc'))
    return train(read_config(path), folder / "run")


@pytest.fixture
def scans(blocks: Path) -> list[Path]:
    """The images of the blocks."""
    return sorted((blocks / "imagesTr").iterdir())
