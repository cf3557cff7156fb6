"""One table of a comparison as a section of a page."""

import os
from pathlib import Path

from amcnet.errors import InputError
from amcnet.io.atomic_files import write_atomically
from amcnet.paper_tables.ranking import order_text
from amcnet.paper_tables.row_results import read_finished
from amcnet.paper_tables.rows import ComparisonTable, TableName, paper_tables
from amcnet.paper_tables.table_markdown import (
    Results,
    all_metrics_table,
    costs_table,
    differences_table,
    headline_table,
    known_differences,
    paired_tests_table,
    structures_table,
)


def table_section(name: TableName, results: Path, picture: Path, page: Path) -> str:
    """Return everything about one table, as Markdown below a heading of the second level.

    Args:
        name: The table.
        results: Folder of the rows' results.
        picture: The picture of the table; it may be missing.
        page: File that contains the section: the picture is linked relative to it.

    Raises:
        InputError: If no row of the table is finished, or a file cannot be read.
        ConfigError: If rows were made with different settings.
    """
    table = paper_tables().tables[name]
    found = read_finished(results, table.names)
    if not found:
        raise InputError(f"{results}: has no finished row of {name}, expected at least one")
    parts = [f"## {table.title}", _open_rows(table, found), headline_table(table, found), _FIGURES]
    if picture.is_file():
        parts += [_link("Truth and labels of every row", picture, page)]
        parts += [
            "A transverse slice and the whole hand from above, of the first unseen hand. "
            "Orange: voxels that differ from the truth by more than a border."
        ]
    if table.ours in found and len(found) > 1:
        parts += ["### Against AMCNet", _TESTS, paired_tests_table(table, found)]
    if known_differences(table, found):
        parts += ["### Differences", _DIFFERENCES, differences_table(table, found)]
    if len(found) > 1:
        parts += ["### The paper's order", _ORDER, order_text(table, found)]
    parts += ["### All figures", all_metrics_table(table, found)]
    curves, structures = (
        picture.with_name(f"{picture.stem}-{what}.png") for what in ("curves", "structures")
    )
    if curves.is_file():
        parts += ["### Curves", _link("Held-out Dice over the training of every row", curves, page)]
    parts += ["### Structures"]
    if structures.is_file():
        parts += [_link("Dice of every structure in every row", structures, page)]
    parts += [STRUCTURES, structures_table(table, found)]
    parts += ["### Costs", _hardware(found), costs_table(table, found)]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _link(text: str, picture: Path, page: Path) -> str:
    return f"![{text}]({Path(os.path.relpath(picture, page.parent)).as_posix()})"


_FIGURES = (
    "DSC and Jaccard pool the voxels of all structures, Recall and F1 are means over "
    "structures. HD95 ignores missed structures, so finding fewer can improve it; the HD95 that "
    "counts missed structures as 10 mm is under *All figures*."
)
_TESTS = (
    "Mean difference over the unseen cases with its 95 % interval (BCa bootstrap over cases) and "
    "the p-value of Wilcoxon's signed-rank test, corrected for the rows of the table (Holm)."
)
_DIFFERENCES = (
    "The differences that the paper's text discusses. p is from a single test, uncorrected. If "
    "a difference has several rows to compare with, the best of them is used, metric by metric."
)
_ORDER = (
    "Every pair of rows that differs in the paper is tested here, with correction for all pairs "
    "of a metric (Holm); significant means p < 0.05. These sentences are computed from the "
    "results."
)


STRUCTURES = (
    "Mean Dice over the unseen hands; the first row counts structures that are as good as never "
    "found."
)


def protocol_text(results: Results) -> str:
    """Describe how all rows were made, from their recorded facts."""
    facts = next(iter(results.values())).facts
    data, settings = facts.data, facts.settings
    schedule, optimiser = settings["schedule"], settings["optimiser"]
    budget = f"{schedule['steps']} steps"
    if schedule["max_hours"] is not None:
        budget = f"{60 * schedule['max_hours']:.0f} minutes, {budget} at most"
    decay = f"learning rate with {optimiser['decay']} decay"
    if optimiser["decay"] == "plateau":
        decay = "learning rate constant until the held-out curve is flat, then falling to the end"
    spacing = (settings["preprocessing"] or {}).get("spacing_mm")
    grid = " x ".join(f"{mm:g}" for mm in spacing) if spacing else "the data set's"
    voxels = " x ".join(map(str, data["shape"]))
    background = "with" if settings["loss"]["include_background"] else "without"
    lines = [
        f"- Data: phantoms of {voxels} voxels, {data['training']} for training (seeds from "
        f"{data['training_seed']}), {data['unseen']} unseen (seeds from {data['unseen_seed']}).",
        f"- Grid of the networks {grid} mm (scan, lateral, depth), windows of "
        f"{settings['sampling']['window']} slices, {settings['precision']}.",
        f"- Budget of every row: {budget}, batch {optimiser['batch_size']}, Adam, "
        f"{decay}; the learning rates are in the tables of costs.",
        "- Same data, preprocessing, augmentation, sampling, seed and budget for all rows: rows "
        "that differ in more than network, loss and learning rate are refused.",
        f"- Dice {background} background, over the classes of a window. Probability of background "
        f"at the first step: {settings['initial_background'] or 'that of all classes'}.",
        "- Labels are the network's own, without clean-up, scored on the phantoms' grid.",
    ]
    return "\n".join(lines) + "\n"


def write_table_page(name: TableName, results: Path, page: Path) -> None:
    """Write a page with one table.

    Raises:
        InputError: If no row of the table is finished, or a file cannot be read.
        OutputError: If the page cannot be written.
    """
    section = table_section(name, results, results / f"{name}.png", page)
    found = read_finished(results, paper_tables().tables[name].names)
    text = f"# The paper's tables, here\n\n{DISCLAIMER}\n\n{protocol_text(found)}\n{section}"
    write_atomically(page, text)


DISCLAIMER = (
    "Two different data sets: *here* are synthetic hands (phantoms), *paper* are the results "
    "that Zeng et al. (MICCAI 2023) report for 103 volumes of patients, which are not public. "
    "Compare rows with rows, not the columns with each other."
)


def _open_rows(table: ComparisonTable, results: Results) -> str:
    missing = [line.title for line in table.rows if line.row not in results]
    return f"Not finished: {', '.join(missing)}." if missing else ""


def _hardware(results: Results) -> str:
    def all_of(key: str) -> str:
        return "; ".join(sorted({str(getattr(r.facts, key)) for r in results.values()}))

    return (
        f"Trained on {all_of('trained_on')}; segmented on {all_of('segmented_on')}. The time of a "
        "volume is the median over the unseen hands, from the image to labels on its own grid."
    )
