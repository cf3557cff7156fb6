"""Results of rows with figures that a test chooses."""

from collections.abc import Mapping

import numpy as np

from amcnet.paper_tables.paper_metrics import ALL_METRICS, PAPER_METRICS
from amcnet.paper_tables.row_results import RowFacts, RowResult
from amcnet.paper_tables.rows import paper_tables

METRICS = {figure.key: figure.metric for figure in PAPER_METRICS}


def made_result(
    row: str, means: Mapping[str, float], cases: int = 20, steps: int = 10, seed: int = 0
) -> RowResult:
    """Return a row whose figures have these means exactly; other metrics are 0.5."""
    known = paper_tables().rows.get(row)
    spread = np.linspace(-0.02, 0.02, cases)
    noise = np.random.default_rng(seed).permutation(spread) * 0.1
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for case in range(cases):
        kinds = {
            kind: {name: 0.5 for name, of in ALL_METRICS if of == kind} for _, kind in ALL_METRICS
        }
        for kind in kinds.values():
            kind.update({name: 0.5 for name, _ in ALL_METRICS if name not in kind})
        for key, mean in means.items():
            kinds["all"][METRICS[key]] = float(mean + spread[case] + noise[case])
        found[f"hand_{case:02}"] = kinds
    settings = {
        "name": row,
        "precision": "float32",
        "initial_background": None,
        "network": {"name": known.network if known else "amcnet", "width": 16},
        "loss": {"gamma": known.gamma if known else 0.5, "include_background": True},
        "preprocessing": {"spacing_mm": [1.0, 2.0, 1.5]},
        "sampling": {"window": 8},
        "optimiser": {"learning_rate": 0.002, "batch_size": 1, "decay": "cosine"},
        "schedule": {"steps": steps, "max_hours": None},
        "hardware": {},
    }
    facts = RowFacts(
        row=row,
        dimension=known.dimension if known else "2d+3d",
        loss=known.loss_text if known else "another",
        settings=settings,
        data={
            "shape": [8, 8, 8],
            "training": 3,
            "training_seed": 1,
            "unseen": 20,
            "unseen_seed": 9,
        },
        parameters=1_500_000,
        steps=steps,
        training_hours=0.25,
        seconds_per_volume=1.25,
        trained_on="a machine",
        segmented_on="a machine",
        commit="unknown",
        structure_dice={"radius": 0.75, "ulna": 0.01},
    )
    return RowResult(facts, found)


def as_in_the_paper(table: str) -> dict[str, RowResult]:
    """Return rows of a table with the paper's own figures as means."""
    return {
        line.row: made_result(line.row, line.paper.model_dump(), seed=number)
        for number, line in enumerate(paper_tables().tables[table].rows)
    }
