"""The places that the architecture page names exist: a newcomer finds a concept by its file."""

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
