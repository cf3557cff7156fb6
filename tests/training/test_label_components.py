from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import IGNORE
from amcnet.data.prepared_store import PreparedCase, open_case, write_prepared_case
from amcnet.training.label_components import several_components

MM = (1.0, 1.0, 1.0)


def make(tmp_path: Path, name: str, labels: np.ndarray) -> PreparedCase:
    folder = tmp_path / f"{name}.zarr"
    write_prepared_case(folder, np.zeros((1, *labels.shape), np.float32), labels, 3, "test")
    return open_case(folder)


def test_two_bones_of_one_name_are_several_and_specks_are_not(tmp_path: Path) -> None:
    labels = np.zeros((80, 20, 20), np.uint8)
    labels[2:78, 2:8, 2:8] = 1  # through more than one slab
    labels[2:60, 12:18, 2:8] = 1
    labels[2:50, 2:8, 12:18] = 2
    labels[60, 15, 15] = 2
    labels[70, 15, 10:15] = IGNORE
    cases = [make(tmp_path, f"c{number}", labels) for number in range(2)]
    assert several_components(cases, MM, 2) == (1,)


@pytest.mark.parametrize(("split_cases", "expected"), [(1, ()), (2, (2,))])
def test_one_odd_case_of_many_does_not_count(
    tmp_path: Path, split_cases: int, expected: tuple[int, ...]
) -> None:
    whole = np.zeros((8, 8, 8), np.uint8)
    whole[1:7, 1:7, 1:7] = 2
    split = whole.copy()
    split[4] = 0
    volumes = [split] * split_cases + [whole] * (8 - split_cases)
    cases = [make(tmp_path, f"c{number}", labels) for number, labels in enumerate(volumes)]
    assert several_components(cases, MM, 2) == expected
