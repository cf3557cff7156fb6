"""Rows of a table in a JSON file, so that a long measurement continues where it was interrupted."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class StoredRows:
    """The rows that have been measured.

    Args:
        path: JSON file; None to keep the rows in memory only.
        conditions: What all rows have in common, such as the minutes of a training.

    Attributes:
        rows: The rows, in the order in which they were added.

    Example:
        >>> stored = StoredRows(None, {"minutes": 15})
        >>> stored.add({"kind": "vessel", "dice": 0.9})
        >>> stored.has(kind="vessel"), stored.has(kind="lobes")
        (True, False)
    """

    def __init__(self, path: Path | None, conditions: Row) -> None:
        self._path, self._conditions = path, conditions
        self.rows: list[Row] = []
        if path is not None and path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["conditions"] != conditions:
                raise SystemExit(
                    f"{path}: found {stored['conditions']}, expected the conditions {conditions}"
                )
            self.rows = stored["rows"]

    def has(self, **keys: Any) -> bool:  # noqa: ANN401
        """Return whether there is a row with these values."""
        return any(all(row[key] == value for key, value in keys.items()) for row in self.rows)

    def add(self, *rows: Row) -> None:
        """Add rows and write the file."""
        self.rows += rows
        if self._path is not None:
            text = json.dumps({"conditions": self._conditions, "rows": self.rows}, indent=1)
            self._path.write_text(text + "\n", encoding="utf-8")
