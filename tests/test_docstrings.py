"""Docstrings fit the code: the parameters and attributes that they describe exist, each once."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "amcnet"
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def problems_of(definition: Definition) -> Iterator[str]:
    text = ast.get_docstring(definition) or ""
    prose = text.split(">>>")[0]
    for line in re.findall(r"\n\n(\w+Error: .*|[a-z_]+: .*)", prose):
        yield f"is outside a section: {line}"
    names: dict[str, list[str]] = {}
    section = ""
    for line in prose.splitlines():
        if heading := re.fullmatch(r"(\w+):", line):
            section = heading[1]
        elif entry := re.match(r"    (\w+): ", line):
            names.setdefault(section, []).append(entry[1])
    for section, found in names.items():
        yield from (f"{section} twice: {name}" for name in set(found) if found.count(name) > 1)
    if unknown := set(names.get("Args", ())) - parameters_of(definition):
        yield f"no parameters: {sorted(unknown)}"


def parameters_of(definition: Definition) -> set[str]:
    if isinstance(definition, ast.ClassDef):
        inits = [n for n in definition.body if getattr(n, "name", "") == "__init__"]
        fields = {n.target.id for n in definition.body if isinstance(n, ast.AnnAssign)}
        return fields.union(*(parameters_of(init) for init in inits))
    arguments = definition.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return {argument.arg for argument in every}


@pytest.mark.parametrize(
    "package", sorted({p.parent for p in SOURCES.rglob("*.py")}), ids=lambda p: p.name
)
def test_docstrings_fit_the_code(package: Path) -> None:
    found = [
        f"{path.relative_to(SOURCES)}: {definition.name}: {problem}"
        for path in sorted(package.glob("*.py"))
        for definition in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(definition, Definition)
        for problem in problems_of(definition)
    ]
    assert not found
