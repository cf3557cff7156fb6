"""The places that the architecture page names exist: a newcomer finds a concept by its file."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", PAGE)))


def test_the_page_names_at_least_twenty_concepts():
    rows = PAGE.split("## Where is ...?")[1].count("\n| ") - 1
    assert rows >= 20


@pytest.mark.parametrize("place", PLACES)
def test_a_place_exists(place):
    in_package = ROOT / "src" / "amcnet" / place
    assert in_package.is_file() or (ROOT / place).is_file()


def test_no_two_modules_of_the_package_have_one_name():
    names: dict[str, list[str]] = {}
    for path in (ROOT / "src" / "amcnet").rglob("*.py"):
        if path.name != "__init__.py" and "cli" not in path.parts:
            names.setdefault(path.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: found for name, found in names.items() if len(found) > 1}


def test_no_public_name_of_the_package_means_two_things():
    """The commands (cli) are named as the functions that they call and are not counted."""
    places: dict[str, list[str]] = {}
    for path in (ROOT / "src" / "amcnet").rglob("*.py"):
        if "cli" not in path.parts:
            for name in _defined_names(ast.parse(path.read_text(encoding="utf-8"))):
                places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def _defined_names(module: ast.Module) -> set[str]:
    """Return every class, and every public function, at the top level of a module."""
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for node in module.body
        if isinstance(node, definitions)
        and (isinstance(node, ast.ClassDef) or not node.name.startswith("_"))
    }


def test_a_type_alias_is_defined_once_and_not_named_like_a_class():
    classes, aliases = set(), {}
    paths = (ROOT / "src" / "amcnet").rglob("*.py")
    for path in (path for path in paths if "cli" not in path.parts):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                classes.add(node.name)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                aliases.setdefault(node.targets[0].id, []).append((path.name, node.value))
    assert not classes & set(aliases)
    public = {
        name: [place for place, value in found if not _is_type_variable(value)]
        for name, found in aliases.items()
        if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]*", name)
    }
    assert not {name: places for name, places in public.items() if len(places) > 1}


def _is_type_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar"
