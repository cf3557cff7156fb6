"""Write docs/tables.md from the committed results.

    amcnet paper-tables table1
    amcnet paper-tables table2
    python studies/anatomy_loss.py
    python benchmarks/paper_tables_speed.py
    python -m tools.paper_tables_page --from runs/tables-small/results

The first three commands take hours and may be interrupted; the last one copies their results to
results/paper_tables and their pictures to docs/pictures. Without --from, the page is written from
the results already there.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from amcnet.paper_tables.claims import claims_text
from amcnet.paper_tables.paper_metrics import (
    PAPER_METRICS,
    SIGNIFICANT,
    p_text,
    paired_difference,
)
from amcnet.paper_tables.row_pictures import write_row_pictures
from amcnet.paper_tables.row_results import RowResult, read_finished
from amcnet.paper_tables.rows import TableName, paper_tables
from amcnet.paper_tables.table_markdown import (
    Results,
    all_metrics_table,
    costs_table,
    finished_rows,
    given_up,
    headline_table,
    paired_tests_table,
    structures_table,
)
from amcnet.paper_tables.table_page import DISCLAIMER, STRUCTURES, protocol_text, table_section
from studies import anatomy_loss, further_networks, paper_tables_seeds

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "paper_tables"
PAGE = ROOT / "docs" / "tables.md"
TABLES: tuple[TableName, ...] = ("table1", "table2")
# Questions answered by the comparison with another row.
QUESTIONS = {
    "amcnet": "The term at the paper's weight against Dice alone",
    "amcnet-gamma-0.25": "Gamma 0.5 against 0.25",
    "amcnet-gamma-1": "Gamma 0.5 against 1",
    "amcnet-detached": "With a gradient through the error map against without",
    "amcnet-released": "The paper's equations against the released form",
    "amcnet-cross-entropy": "The anatomy term against plain cross-entropy of the same weight",
}


def page(results: Path, path: Path) -> str:
    """Return the page as Markdown."""
    studied = (*anatomy_loss.study().names, *further_networks.study().names)
    names = tuple(dict.fromkeys((*_names("table1"), *_names("table2"), *studied)))
    found = read_finished(results, names)
    parts = [
        "# The paper's tables, made again",
        "Written by `python -m tools.paper_tables_page` from `results/paper_tables/`; do not "
        "edit. How to make the figures is in [comparing.md](comparing.md).",
        DISCLAIMER,
        protocol_text(found),
        claims_text(tuple(paper_tables().tables[name] for name in TABLES), found),
        *(
            table_section(name, results, path.parent / "pictures" / f"{name}.png", path)
            for name in TABLES
            if found.keys() & set(_names(name))
        ),
        further_section(found),
        anatomy_section(found),
        paper_tables_seeds.seeds_section(paper_tables().tables["table2"], results),
        "\n".join(speed_section(results / "speed.json")),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def speed_section(path: Path) -> Iterator[str]:
    """Yield the section about time, if it was measured."""
    if not path.is_file():
        return
    measured = json.loads(path.read_text(encoding="utf-8"))
    yield "## Time"
    yield ""
    yield (
        f"The rows ran one after another on {measured['processors']} processors of an otherwise "
        "idle machine (`benchmarks/paper_tables_speed.py`). Minutes and seconds in the tables "
        "of costs are those of the rows themselves, several of which shared the machine."
    )
    yield ""
    yield "| row | a training step, s | a volume, s |"
    yield "|---|---:|---:|"
    for row, seconds in measured["rows"].items():
        yield f"| {row} | {seconds['step']:.2f} | {seconds['volume']:.2f} |"


def _names(name: TableName) -> tuple[str, ...]:
    return paper_tables().tables[name].names


def further_section(found: Results) -> str:
    """Return the section about networks beside the paper's; empty without any."""
    table = further_networks.study()
    here = {name: found[name] for name in table.names if name in found}
    if not here.keys() - {table.ours}:
        return ""
    parts = [
        f"## {table.title}",
        "Outside the paper's order, with the data and the budget of the other rows "
        "(`studies/further_networks.py`).",
        headline_table(table, here),
    ]
    if table.ours in here:
        parts += [paired_tests_table(table, here)]
    parts += ["### Their costs", costs_table(table, here)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def anatomy_section(found: Results) -> str:
    """Return the section about the loss; empty without the paper's form and another."""
    table = anatomy_loss.study()
    here = {name: found[name] for name in table.names if name in found}
    if table.ours not in here or len(here) < 2:
        return ""
    parts = [
        f"## {table.title}",
        paragraph(here),
        headline_table(table, here),
        "Gamma 0.5 minus each of the others:",
        paired_tests_table(table, here),
        "### All figures of the loss",
        all_metrics_table(table, here),
        "### Structures with each loss",
        STRUCTURES,
        structures_table(table, here),
        "### Costs of each loss",
        costs_table(table, here),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def paragraph(here: Results) -> str:
    """Return the effect of the loss, in sentences that are computed from the results."""
    ours = here["amcnet-ac"]
    sentences = [_answer(text, ours, here[row]) for row, text in QUESTIONS.items() if row in here]
    lines = finished_rows(anatomy_loss.study(), here)
    lost = [f"{line.title} {given_up(here[line.row])}" for line in lines]
    sentences.append(f"Structures as good as never found: {', '.join(lost)}.")
    return (
        "AMCNet, all else equal. p is from single tests, uncorrected. "
        + " ".join(sentences)
        + " One training run each: the effect of another seed is not included in the intervals."
    )


def _answer(text: str, ours: RowResult, other: RowResult) -> str:
    """Return the differences of one comparison that a test confirms, if any."""
    sure = []
    for figure in PAPER_METRICS:
        found = paired_difference(ours, other, figure.metric)
        mean, p = found.mean, found.test.p
        if mean is not None and p is not None and p < SIGNIFICANT:
            word = "better" if figure.gain(mean) > 0 else "worse"
            sure.append(f"{figure.heading} {mean:+.3f} ({word}, p {p_text(p)})")
    dice = paired_difference(ours, other, "dice_foreground").mean
    if not sure:
        known = "no value" if dice is None else f"DSC {dice:+.3f}"
        return f"{text}: no significant difference ({known})."
    return f"{text}: {', '.join(sure)}."


def _copy(source: Path, results: Path, pictures: Path, seed: int | None) -> None:
    """Copy the results of rows; pictures only for the first seed."""
    target = results if seed is None else paper_tables_seeds.seed_folder(results, seed)
    left_out = ("*.png",) if seed is None else ("*.png", "*.nrrd")
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*left_out))
    if seed is None:
        for picture in source.glob("*.png"):
            shutil.copy(picture, pictures)


def main(texts: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, help="folder of results to copy first")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--seed", type=int, help="seed of the copied results, if not the first")
    arguments = parser.parse_args(texts)
    pictures = arguments.page.parent / "pictures"
    if arguments.source is not None:
        _copy(arguments.source, arguments.results, pictures, arguments.seed)
    for name in TABLES:
        table = paper_tables().tables[name]
        if found := read_finished(arguments.results, table.names):
            write_row_pictures(name, table, found, pictures)
    text = page(arguments.results, arguments.page)
    arguments.page.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
