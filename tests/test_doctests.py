"""The examples in docstrings run and give what they say, and every public name has one."""

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import amcnet

# Examples would need results of hours.
_SKIPPED = ("amcnet.paper_tables",)
_REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def modules() -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(amcnet.__path__, "amcnet.")]
    return sorted(n for n in names if not n.startswith(_SKIPPED) and not n.endswith("__main__"))


@pytest.mark.parametrize("name", modules())
def test_examples(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # installed models
    module: ModuleType = importlib.import_module(name)
    if name == "amcnet.networks.registry":  # an example registers a network: for this test only
        monkeypatch.setattr(module, "_ENTRIES", dict(module._ENTRIES))
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def documented_modules() -> list[str]:
    """Return the packages with a list of public names, and what the reference pages show."""
    packages = [
        "amcnet",
        *(m.name for m in pkgutil.walk_packages(amcnet.__path__, "amcnet.") if m.ispkg),
    ]
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted(_REFERENCE.glob("*.md")))
    return sorted({*packages, *re.findall(r"^::: (\S+)$", pages, re.MULTILINE)})


def public_objects(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the functions and classes that a module offers; exceptions explain themselves."""
    own = [n for n, o in vars(module).items() if getattr(o, "__module__", "") == module.__name__]
    for name in getattr(module, "__all__", own):
        found = getattr(module, name)
        has_docstring = inspect.isclass(found) or inspect.isroutine(inspect.unwrap(found))
        is_error = inspect.isclass(found) and issubclass(found, Exception)
        if has_docstring and not is_error and not name.startswith("_"):
            yield name, found


def has_example(found: object) -> bool:
    examples = doctest.DocTestParser().get_examples(found.__doc__ or "")
    return any(not example.options.get(doctest.SKIP) for example in examples)


@pytest.mark.parametrize("name", documented_modules())
def test_every_public_name_has_an_example_that_runs(name: str) -> None:
    objects = list(public_objects(importlib.import_module(name)))
    assert [name for name, found in objects if not has_example(found)] == []


def test_the_test_finds_public_names() -> None:
    found = {name for name, _ in public_objects(importlib.import_module("amcnet.anatomy"))}
    assert found == {"LabelTable", "Structure", "hand_label_table", "label_values", "own_table_of"}
    service = importlib.import_module("amcnet.service.network_addresses")
    assert {"DicomNode", "parse_peer"} <= {name for name, _ in public_objects(service)}
    assert not has_example(test_examples)
