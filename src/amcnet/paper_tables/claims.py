"""The paper's claims in words, computed from the results of the rows.

Each paragraph answers one question with the differences over the unseen cases and their 95 %
intervals; rows that are not finished are left out.
"""

from collections.abc import Iterator

from amcnet.paper_tables.paper_metrics import (
    PAPER_METRICS,
    PairedDifference,
    PaperMetric,
    mean_of,
    paired_difference,
    with_interval,
)
from amcnet.paper_tables.ranking import pair_orders
from amcnet.paper_tables.rows import ComparisonTable
from amcnet.paper_tables.table_markdown import Results

_DSC = PAPER_METRICS[0]
_F1 = PAPER_METRICS[3]
_JUDGED = (_DSC, _F1)
_BRANCHES = (("amcnet-2d", "amcnet-3d", "amcnet"), ("amcnet-2d-ac", "amcnet-3d-ac", "amcnet-ac"))
_WITHOUT_CONSTRAINT = {
    "Dice alone": "amcnet",
    "Dice with cross-entropy of the same weight": "amcnet-cross-entropy",
}
_BINARY_DICE = "dice_binary"


def claims_text(tables: tuple[ComparisonTable, ...], results: Results) -> str:
    """Return the paragraphs on fusion, anatomy constraint and order as Markdown; empty without any.

    Args:
        tables: The paper's tables.
        results: The results of rows, by name.
    """
    found = (fusion_claim(results), anatomy_claim(results), order_claim(tables, results))
    paragraphs = [text for text in found if text]
    return "\n\n".join(["## The claims", *paragraphs]) + "\n" if paragraphs else ""


def fusion_claim(results: Results) -> str:
    """Return whether adaptive fusion helps beyond the better of its two branches."""
    sentences = []
    for flat, deep, fused in _BRANCHES:
        if not {flat, deep, fused} <= results.keys():
            continue
        loss = results[fused].facts.loss
        for figure in _JUDGED:
            better = max((flat, deep), key=lambda row: mean_of(results[row], figure.metric) or 0.0)
            difference = paired_difference(results[fused], results[better], figure.metric)
            branch = "2D" if better == flat else "3D"
            other = f"the better single branch ({branch})"
            sentences.append(f"With {loss}, {_compared(figure, difference, other)}")
    if not sentences:
        return ""
    return (
        "**Does adaptive fusion help beyond 2D or 3D alone?** "
        + " ".join(sentences)
        + " The fused network has the parameters of both branches."
    )


def anatomy_claim(results: Results) -> str:
    """Return whether the constraint helps beyond cross-entropy of the same weight."""
    others = {name: results[row] for name, row in _WITHOUT_CONSTRAINT.items() if row in results}
    if "amcnet-ac" not in results or not others:
        return ""
    ours, sentences = results["amcnet-ac"], []
    for name, other in others.items():
        for figure in _JUDGED:
            difference = paired_difference(ours, other, figure.metric)
            sentences.append(_compared(figure, difference, name))
    binary, named = mean_of(ours, _BINARY_DICE), mean_of(ours, _DSC.metric)
    if binary is not None and named is not None:
        sentences.append(
            "The constraint penalises structures in the place of others. Without regard to names, "
            f"Dice would be {binary:.3f} instead of {named:.3f}, so wrong names explain only "
            f"{binary - named:.3f} of the errors, and both terms mainly separate bone from "
            "background. For the constraint to help beyond cross-entropy, confusions between "
            "structures would have to be a larger share of the errors, as in a network that sees "
            "single slices or small windows."
        )
    return "**Does the anatomy constraint help beyond cross-entropy?** " + " ".join(sentences)


def order_claim(tables: tuple[ComparisonTable, ...], results: Results) -> str:
    """Return where the order of the rows differs from the paper's, and what may explain it."""
    sentences = []
    for table in tables:
        here = {name: results[name] for name in table.names if name in results}
        orders = pair_orders(table, here, _DSC)
        reversed_ones = [order for order in orders if not order.holds and order.is_significant]
        if not orders:
            continue
        text = "; ".join(f"{order.worse} before {order.better}" for order in reversed_ones)
        where = f" {len(reversed_ones)} are significantly reversed: {text}." if text else ""
        held = sum(order.holds for order in orders)
        sentences.append(
            f"{table.title}: {held} of {len(orders)} pairs have the paper's order of DSC." + where
        )
    if not sentences:
        return ""
    unfinished = list(_still_rising(results))
    if unfinished:
        sentences.append(
            f"The curves of {', '.join(unfinished)} were not flat when their time ended, so their "
            "places may change with more training."
        )
    sentences.append(
        "The data are another possible reason: phantoms are more regular than patients, and the "
        "networks have the widths in the tables of costs instead of their authors'."
    )
    return "**Where does the order differ, and why?** " + " ".join(sentences)


def _compared(figure: PaperMetric, difference: PairedDifference, other: str) -> str:
    """Return a difference, and whether its interval excludes 0, and on which side."""
    statistics = difference.statistics
    low, high = statistics.low, statistics.high
    if low is None or high is None or low <= 0 <= high:
        judgement = "no difference that the cases confirm"
    else:
        judgement = "better" if figure.gain(low) > 0 else "worse"
    amount = with_interval(statistics, signed=True)
    return f"{figure.heading} differs by {amount} from {other}: {judgement}."


def _still_rising(results: Results) -> Iterator[str]:
    """Yield the rows with a recorded curve that was not flat."""
    from amcnet.training.learning_rate import flat_step

    for name, row in results.items():
        curve = [(point["step"], point["dice"]) for point in row.facts.curve if "dice" in point]
        if curve and flat_step(curve) is None:
            yield name
