"""The files that the documentation names, made once; every page gets a copy."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from ..conftest import MakeBundle
from .running import NewWorld, place


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory, make_bundle: MakeBundle) -> Path:
    from .world import build  # imports half of the package, which fast tests do without

    folder = tmp_path_factory.mktemp("template")
    build(folder, make_bundle)
    return folder


@pytest.fixture
def new_world(_template: Path, tmp_path: Path) -> NewWorld:
    """Make a world without the files that are to be written there."""

    def make(without: Iterable[str]) -> Path:
        place(_template, tmp_path, without)
        return tmp_path

    return make
