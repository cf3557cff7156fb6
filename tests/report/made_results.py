"""Evaluations with figures that a test chooses."""

import numpy as np

from amcnet.anatomy import LabelTable


def evaluations(table: LabelTable, **metrics: np.ndarray) -> dict[str, dict[str, object]]:
    """Return cases ``c00``, ``c01``... from one array (case, structure) a metric; NaN is null."""
    count = len(next(iter(metrics.values())))
    return {
        f"c{case:02}": {
            "structures": [
                {"label": s.value, "name": s.name, "kind": s.kind}
                | {key: _value(values[case, i]) for key, values in metrics.items()}
                for i, s in enumerate(table)
            ]
        }
        for case in range(count)
    }


def _value(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
