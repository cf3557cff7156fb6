"""Check those rules of Slicer's Extensions Index that can be checked without publishing.

The rules are those of the index's checklist for new extensions, tiers 1, 3 and 5, and of the schema
of its entries, version 1.0.1. Rules that need the published repository, or people, are listed as to
do. The exit status is 1 if a rule is broken.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
NAME = "HandBoneSegmentation"
SCHEMA = "slicer-extension-catalog-entry-schema-v1.0.1.json#"
FIELDS: dict[str, type] = {
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": int,
}
REQUIRED = ("$schema", "category", "scm_url")
SECTIONS = ("Modules", "Tutorial", "Publication", "License", "Privacy")
TO_DO = (
    "publish this folder as a repository of its own (git subtree split --prefix slicer) with the "
    "topic 3d-slicer-extension, without unused features such as a wiki",
    "build and package it on Windows, macOS and Linux (the index's factory does)",
    "answer issues and the forum (tier 3); a Slicer core developer with commit right (tier 5)",
)
_META = re.compile(r'set\(EXTENSION_(\w+) "([^"]*)"\)')
_PLACEHOLDER = re.compile(r"@[A-Z]+@")


@dataclass
class CheckResult:
    """Results of the checks.

    Attributes:
        errors: Violated rules.
        warnings: Fields to fill in when the extension is published.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(folder: Path) -> CheckResult:
    """Check the extension in a folder."""
    found = CheckResult()
    meta = dict(_META.findall(_text(folder / "CMakeLists.txt")))
    checks = (
        _entry(folder, meta, found.warnings),
        _meta(meta, found.warnings),
        _lists(folder / NAME),
        _files(folder, meta),
        _readme(folder),
        _code(folder / NAME),
    )
    for errors in checks:
        found.errors += errors
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _entry(folder: Path, meta: dict[str, str], warnings: list[str]) -> Iterator[str]:
    """Check the entry for the index: against its schema, and against CMakeLists.txt."""
    path = folder / f"{NAME}.json"
    try:
        entry = json.loads(_text(path))
    except ValueError as error:
        yield f"{path.name}: is not valid JSON: {error}"
        return
    for name in REQUIRED:
        if name not in entry:
            yield f"{path.name}: has no {name}"
    for name, value in entry.items():
        if name not in FIELDS:
            yield f"{path.name}: has {name}, expected one of {', '.join(FIELDS)}"
        elif type(value) is not FIELDS[name]:
            yield f"{path.name}: {name} is {value!r}, expected {FIELDS[name].__name__}"
    if not str(entry.get("$schema", "")).endswith(SCHEMA):
        yield f"{path.name}: $schema is {entry.get('$schema')!r}, expected {SCHEMA}"
    if entry.get("tier", 5) not in (1, 3, 5):
        yield f"{path.name}: tier is {entry['tier']!r}, expected 1, 3 or 5"
    if entry.get("category") != meta.get("CATEGORY"):
        yield f"{path.name}: category differs from EXTENSION_CATEGORY"
    depends = meta.get("DEPENDS", "NA").replace("NA", "").split()
    if sorted(entry.get("build_dependencies", [])) != sorted(depends):
        yield f"{path.name}: build_dependencies differ from EXTENSION_DEPENDS"
    url = str(entry.get("scm_url", ""))
    if not url:
        warnings.append(f"{path.name}: scm_url is empty: fill in where the extension is published")
    elif not url.startswith("https://"):
        yield f"{path.name}: scm_url is {url!r}, expected https://..."


def _meta(meta: dict[str, str], warnings: list[str]) -> Iterator[str]:
    """Check the metadata in CMakeLists.txt."""
    for name in ("HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "DEPENDS"):
        if not meta.get(name):
            yield f"CMakeLists.txt: has no EXTENSION_{name}"
    shots = meta.get("SCREENSHOTURLS", "").split()
    if not shots:
        yield "CMakeLists.txt: has no EXTENSION_SCREENSHOTURLS, expected at least one"
    for url in (meta.get("HOMEPAGE", ""), meta.get("ICONURL", ""), *shots):
        if _PLACEHOLDER.search(url):
            warnings.append(f"CMakeLists.txt: {url}: fill in where the extension is published")
        elif not url.startswith("https://"):
            yield f"CMakeLists.txt: {url!r}: expected https://..."
    text = meta.get("DESCRIPTION", "")
    if not 1 <= len(re.findall(r"\.(?:\s|$)", text)) <= 2:
        yield "CMakeLists.txt: EXTENSION_DESCRIPTION: expected one or two sentences"
    if "patent" not in text.lower():
        yield "CMakeLists.txt: EXTENSION_DESCRIPTION: does not mention patents"


def _lists(module: Path) -> Iterator[str]:
    """Compare the scripts and resources that CMake installs with the files in the folder."""
    text = _text(module / "CMakeLists.txt").replace("${MODULE_NAME}", NAME)
    listed: list[str] = []
    for name in ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"):
        match = re.search(rf"set\({name}\s+([^)]*)\)", text)
        if match is None:
            yield f"{module.name}/CMakeLists.txt: has no {name}"
        else:
            listed += match[1].split()
    there = {
        path.relative_to(module).as_posix()
        for path in module.rglob("*")
        if path.is_file() and path.name != "CMakeLists.txt" and "__pycache__" not in path.parts
    }
    for name in sorted(there - set(listed)):
        yield f"{module.name}/CMakeLists.txt: does not list {name}"
    for name in sorted(set(listed) - there):
        yield f"{module.name}/CMakeLists.txt: lists {name}, which is not there"
    for name in sorted({name for name in listed if listed.count(name) > 1}):
        yield f"{module.name}/CMakeLists.txt: lists {name} twice"


def _files(folder: Path, meta: dict[str, str]) -> Iterator[str]:
    """Check licence, icon and screenshots."""
    if "Apache License" not in _text(folder / "LICENSE.txt"):
        yield "LICENSE.txt: is missing or not the Apache licence"
    urls = [meta.get("ICONURL", ""), *meta.get("SCREENSHOTURLS", "").split()]
    for url in urls:
        place = url.split("@RAW@/")[-1]
        if _PLACEHOLDER.search(url) and not (folder / place).is_file():
            yield f"{place}: is missing"
    if NAME.lower().startswith("slicer"):
        yield "the extension's name begins with Slicer"
    icon = folder / NAME / "Resources" / "Icons" / f"{NAME}.png"
    if icon.is_file():
        width, height = _png_size(icon)
        if width != height or width < 64:
            yield f"{icon.name}: is {width} x {height}, expected a square of at least 64"


def _png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[16:24]
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")


def _readme(folder: Path) -> Iterator[str]:
    """Check that the homepage has the sections and pictures of the checklist."""
    text = _text(folder / "README.md")
    for title in SECTIONS:
        if f"## {title}" not in text:
            yield f"README.md: has no section '{title}'"
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    if len(pictures) < 2:
        yield f"README.md: has {len(pictures)} pictures, expected at least 2"
    for name in pictures:
        if not (folder / name).is_file():
            yield f"README.md: shows {name}, which does not exist"
    if "Apache" not in text:
        yield "README.md: does not name the licence"
    if "Sample Data" not in text:
        yield "README.md: does not say where the sample data are"


def _code(module: Path) -> Iterator[str]:
    """Check coding conventions."""
    for path in sorted(module.rglob("*.py")):
        text = _text(path)
        for bad in ("import torch", "import urllib", "import requests", "import socket"):
            if bad in text:
                yield f"{path.name}: has '{bad}'"
        for popup in ("errorDisplay(", "infoDisplay(", "QMessageBox"):
            if popup in text:
                yield f"{path.name}: has a pop-up, {popup}"
    if f"class {NAME}Test(" not in _text(module / f"{NAME}.py"):
        yield f"{NAME}.py: has no {NAME}Test"
    if "registerCustomSampleDataSource" not in _text(module / f"{NAME}.py"):
        yield f"{NAME}.py: registers no sample data"
    if ' styleSheet"' in _text(module / "Resources" / "UI" / f"{NAME}.ui"):
        yield f"{NAME}.ui: has a style sheet of its own"


def main() -> None:
    """Check the extension in a given folder, by default that of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    found = check(parser.parse_args().folder)
    lines = [f"error: {text}" for text in found.errors]
    lines += [f"to fill in: {text}" for text in found.warnings]
    lines += [f"cannot be checked here: {text}" for text in TO_DO]
    lines.append(f"{len(found.errors)} error{'' if len(found.errors) == 1 else 's'}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(1 if found.errors else 0)


if __name__ == "__main__":
    main()
