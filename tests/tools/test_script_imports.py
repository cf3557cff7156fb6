"""Scripts that are run rarely still import names that exist."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "studies", "tools", "examples")
SCRIPTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def imports_of(path: Path) -> list[tuple[str, str]]:
    """Return (module, name) of everything that a script imports from this repository."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [(node.module, alias.name) for alias in node.names]
    return [
        (module, name) for module, name in found if module.split(".")[0] in ("amcnet", *FOLDERS)
    ]


def exists(module: str, name: str) -> bool:
    if is_module(f"{module}.{name}".rstrip(".")):
        return True
    if module.split(".")[0] == "amcnet":
        return hasattr(importlib.import_module(module), name)
    # Scripts may measure when they are imported: look into their text.
    file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return file.is_file() and name in file.read_text(encoding="utf-8")


def is_module(name: str) -> bool:
    base = ROOT / "src" if name.split(".")[0] == "amcnet" else ROOT
    place = base.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or place.is_dir()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_script_imports_exists(path: Path) -> None:
    assert [found for found in imports_of(path) if not exists(*found)] == []
