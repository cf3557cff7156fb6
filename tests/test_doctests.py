"""The examples in docstrings run and give what they say."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import amcnet

# Examples would need results of hours.
_SKIPPED = ("amcnet.paper_tables",)


def modules() -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(amcnet.__path__, "amcnet.")]
    return sorted(n for n in names if not n.startswith(_SKIPPED) and not n.endswith("__main__"))


@pytest.mark.parametrize("name", modules())
def test_examples(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    module: ModuleType = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0
