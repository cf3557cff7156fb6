from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amcnet.anatomy import IGNORE, LabelTable
from amcnet.data import Preprocessing
from amcnet.data.prepared_store import (
    PreparedDescription,
    checksum_of_case,
    is_prepared,
    is_up_to_date,
    open_case,
    open_prepared,
    write_prepared_case,
    write_prepared_description,
)
from amcnet.errors import InputError

from .prepared import numbered_case, store_case


@given(slices=st.integers(1, 30), start=st.integers(0, 29), length=st.integers(1, 40))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_slab_is_a_run_of_slices_with_the_last_one_repeated(tmp_path, slices, start, length):
    start = min(start, slices - 1)
    rng = np.random.default_rng(slices)
    image = rng.integers(-9, 9, (2, slices, 4, 3)).astype(np.float32)
    labels = rng.integers(0, 3, (slices, 4, 3)).astype(np.uint8)
    case = store_case(tmp_path, f"c{slices}", image, labels)
    assert case.shape == labels.shape
    found, found_labels = case.slab(start, length)
    wanted = np.minimum(np.arange(start, start + length), slices - 1)
    np.testing.assert_array_equal(found, image[:, wanted])
    np.testing.assert_array_equal(found_labels, labels[wanted])
    assert (found.dtype, found_labels.dtype) == (np.float32, np.uint8)


def test_counts_are_those_of_every_slice_without_ignored_voxels(tmp_path):
    labels = np.random.default_rng(1).choice([0, 1, 2, IGNORE], (9, 7, 6)).astype(np.uint8)
    case = store_case(tmp_path, "c", np.zeros((1, *labels.shape), np.float32), labels)
    for value in range(3):
        np.testing.assert_array_equal(case.counts[:, value], (labels == value).sum(axis=(1, 2)))
    assert case.counts.shape == (9, 3)


def test_writing_again_replaces_a_case_and_leaves_nothing_beside_it(tmp_path):
    numbered_case(tmp_path, 9, "c")
    assert is_up_to_date(tmp_path / "c.zarr", "digest")
    image = np.ones((1, 4, 3, 2), np.float32)
    write_prepared_case(tmp_path / "c.zarr", image, np.ones((4, 3, 2), np.uint8), 2, "other")
    assert is_up_to_date(tmp_path / "c.zarr", "other")
    assert not is_up_to_date(tmp_path / "c.zarr", "digest")
    assert open_case(tmp_path / "c.zarr").shape == (4, 3, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["c.zarr"]
    assert not is_up_to_date(tmp_path / "none.zarr", "digest")


def test_only_a_slab_is_read(tmp_path):
    case = numbered_case(tmp_path, 40)
    chunks = sorted((case.folder / "image" / "c" / "0").iterdir(), key=lambda path: int(path.name))
    for chunk in chunks[2:]:  # slices 16 and up
        chunk.joinpath("0", "0").write_bytes(b"damaged")
    image, _ = case.slab(3, 12)
    np.testing.assert_array_equal(image[0, :, 0, 0], np.arange(3, 15))


def test_prepared_data_set_round_trip(tmp_path):
    (tmp_path / "cases").mkdir()
    numbered_case(tmp_path / "cases", 9, "a")
    numbered_case(tmp_path / "cases", 11, "b")
    table = LabelTable.from_names(["x", "y"])
    preprocessing = Preprocessing(spacing_mm=(1, 2, 3))
    assert not is_prepared(tmp_path)
    description = PreparedDescription(
        labels=table.to_dicts(),
        channels=("us",),
        preprocessing=preprocessing,
        cases={n: checksum_of_case(tmp_path / "cases" / f"{n}.zarr") for n in "ab"},
    )
    write_prepared_description(tmp_path, description)
    assert is_prepared(tmp_path)
    found = open_prepared(tmp_path)
    assert found.table == table
    assert found.preprocessing == preprocessing
    assert [(case.name, case.shape[0]) for case in found.cases] == [("a", 9), ("b", 11)]


def test_damage_is_told(tmp_path):
    with pytest.raises(InputError, match="expected a prepared data set"):
        open_prepared(tmp_path)
    with pytest.raises(InputError, match=r"no readable checksums\.json"):
        open_case(tmp_path / "none.zarr")
    description = PreparedDescription(
        format=99, labels=[], channels=(), preprocessing=Preprocessing(), cases={}
    )
    write_prepared_description(tmp_path, description)
    with pytest.raises(InputError, match="format 99, expected 2"):
        open_prepared(Path(tmp_path))
