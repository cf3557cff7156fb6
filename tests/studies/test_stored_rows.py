from pathlib import Path

import pytest

from studies.stored_rows import StoredRows

CONDITIONS = {"minutes": 5, "model": "hand"}


def test_a_repeated_call_continues(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    first = StoredRows(path, CONDITIONS)
    first.add({"kind": "vessel", "dice": 0.9}, {"kind": "lobes", "dice": 0.8})
    again = StoredRows(path, CONDITIONS)
    assert again.rows == first.rows
    assert again.has(kind="lobes", dice=0.8)
    assert not again.has(kind="lobes", dice=0.9)
    again.add({"kind": "spine", "dice": 0.7})
    assert [row["kind"] for row in StoredRows(path, CONDITIONS).rows] == [
        "vessel",
        "lobes",
        "spine",
    ]


def test_rows_of_other_conditions_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    StoredRows(path, CONDITIONS).add({"kind": "vessel"})
    with pytest.raises(SystemExit, match=r"found .*'minutes': 5.*expected the conditions .*10"):
        StoredRows(path, CONDITIONS | {"minutes": 10})


def test_without_a_file_rows_are_kept_in_memory() -> None:
    stored = StoredRows(None, CONDITIONS)
    stored.add({"kind": "vessel"})
    assert stored.has(kind="vessel")
