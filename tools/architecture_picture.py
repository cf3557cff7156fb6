"""Draw the packages and the imports between them.

    python tools/architecture_picture.py

reads the imports from the code and writes ``docs/pictures/architecture.png``. A package stands
above everything that it imports. An arrow points from a package to one that it imports; an import
that also goes through another package has no arrow of its own. Single modules that all packages may
import (errors, memory, parallel, ...) are not drawn. The imports are also stored in the picture as
text, so that a test notices when it has to be drawn again.
"""

import json
from pathlib import Path

import grimp
import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "architecture.png"
PACKAGE = "amcnet"
FOUNDATION = {path.stem for path in (ROOT / "src" / PACKAGE).glob("*.py")}
WIDTH, HEIGHT, ROW, COLUMN, SWAY = 1.7, 0.5, 0.95, 2.0, 0.5


def imports() -> dict[str, set[str]]:
    """Return the packages that each package imports."""
    graph = grimp.build_graph(PACKAGE)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        source = _package(module)
        targets = {_package(other) for other in graph.find_modules_directly_imported_by(module)}
        found.setdefault(source, set()).update(targets - {source, ""} - FOUNDATION)
    return {source: targets for source, targets in found.items() if source not in FOUNDATION | {""}}


def direct(arrows: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports that no chain of other imports implies (the transitive reduction)."""
    return [
        (source, target)
        for source, targets in arrows.items()
        for target in sorted(targets)
        if not any(target in _reached(other, arrows) for other in targets - {target})
    ]


def _reached(source: str, arrows: dict[str, set[str]]) -> set[str]:
    return arrows[source].union(*(_reached(target, arrows) for target in arrows[source]))


def _package(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def rows(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return the packages by the length of their longest chain of imports, the lowest first."""

    def level(name: str) -> int:
        return max((1 + level(target) for target in arrows[name]), default=0)

    found: dict[int, list[str]] = {}
    for name in sorted(arrows):
        found.setdefault(level(name), []).append(name)
    return [found[key] for key in sorted(found)]


def places(arrows: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Return the centre of each box: above the middle of the packages that it imports."""
    found: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(rows(arrows)):
        near = {
            name: [target for source, target in direct(arrows) if source == name] for name in row
        }
        means = {
            name: sum(found[t][0] for t in near[name]) / len(near[name]) if near[name] else 0.0
            for name in row
        }
        row.sort(key=lambda name: means[name])
        middle = sum(means.values()) / len(row)
        middle = middle if len(row) > 1 else middle + SWAY * (-1) ** level
        for column, name in enumerate(row):
            found[name] = (middle + COLUMN * (column - (len(row) - 1) / 2), level * ROW)
    return found


def draw(arrows: dict[str, set[str]]) -> Figure:
    """Return the picture."""
    centres = places(arrows)
    across = [x for x, _ in centres.values()]
    left, right = min(across) - WIDTH, max(across) + WIDTH
    top = max(y for _, y in centres.values()) + 0.6
    figure = Figure(figsize=(0.95 * (right - left), 0.95 * (top + 0.6)), dpi=130)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(-0.6, top))
    axes.set_axis_off()
    for source, target in direct(arrows):
        (x, y), (to_x, to_y) = centres[source], centres[target]
        arrow = FancyArrowPatch(
            (x, y - HEIGHT / 2),
            (to_x, to_y + HEIGHT / 2),
            arrowstyle="-|>",
            connectionstyle="arc3,rad=0.08",
            mutation_scale=11,
            linewidth=1.2,
            color="#5b7f8a",
        )
        axes.add_patch(arrow)
    for name, (x, y) in centres.items():
        box = FancyBboxPatch(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0.02,rounding_size=0.12",
            facecolor="#cfe5e2",
            edgecolor="#2f5d62",
            zorder=3,
        )
        axes.add_patch(box)
        axes.text(x, y, name, ha="center", va="center", fontsize=11, zorder=4)
    return figure


def description(arrows: dict[str, set[str]]) -> str:
    """Return the drawn imports as text."""
    return json.dumps(sorted(direct(arrows)))


def main() -> None:
    """Write the picture."""
    arrows = imports()
    about = {"Software": None, "Description": description(arrows)}
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        draw(arrows).savefig(PICTURE, metadata=about)


if __name__ == "__main__":
    main()
