import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from amcnet.data import Preprocessing, read_dataset
from amcnet.data.preparation import prepare_dataset
from amcnet.data.prepared_store import open_prepared
from amcnet.errors import InputError
from amcnet.io import Geometry, write_image


def test_channels_on_different_grids_are_refused_without_a_check_too(tmp_path: Path) -> None:
    data = tmp_path / "two"
    (data / "imagesTr").mkdir(parents=True)
    (data / "labelsTr").mkdir()
    geometries = [Geometry.canonical((6, 8, 7 + channel), (1, 1, 1)) for channel in range(2)]
    for channel, geometry in enumerate(geometries):
        image = np.arange(np.prod(geometry.canonical_shape), dtype=np.int16)
        path = data / "imagesTr" / f"a_{channel:04d}.nrrd"
        write_image(path, image.reshape(geometry.canonical_shape), geometry)
    write_image(data / "labelsTr" / "a.nrrd", np.ones((6, 8, 7), np.uint8), geometries[0])
    names = {"labels": {"background": 0, "all": 1}, "file_ending": ".nrrd"}
    (data / "dataset.json").write_text(json.dumps(names))
    dataset = read_dataset(data)
    with pytest.raises(InputError, match=r"a_0001\.nrrd: does not lie on the grid of"):
        prepare_dataset(dataset, Preprocessing(spacing_mm=(1, 1, 1)), tmp_path / "out")


def test_what_is_complete_stays_so_while_another_call_looks_at_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "imagesTr").mkdir(parents=True)
    (data / "labelsTr").mkdir()
    geometry = Geometry.canonical((8, 8, 8), (1, 1, 1))
    labels = np.indices((8, 8, 8)).sum(axis=0) % 2
    for case in "abcd":
        write_image(data / "imagesTr" / f"{case}_0000.nrrd", labels.astype(np.int16), geometry)
        write_image(data / "labelsTr" / f"{case}.nrrd", labels.astype(np.uint8), geometry)
    names = {"labels": {"background": 0, "all": 1}, "file_ending": ".nrrd"}
    (data / "dataset.json").write_text(json.dumps(names))
    settings = Preprocessing(spacing_mm=(2.0, 2.0, 2.0))
    out = tmp_path / "out"
    prepared = prepare_dataset(read_dataset(data), settings, out)
    seen = []
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(prepare_dataset, read_dataset(data), settings, out)
        while not again.done():
            seen.append((out / "prepared.json").is_file())
    assert len(again.result().cases) == len(prepared.cases) == 4
    assert len(seen) > 10
    assert all(seen)


def test_preparing_again_mends_what_was_lost_or_damaged(blocks: Path, tmp_path: Path) -> None:
    dataset, settings = read_dataset(blocks), Preprocessing(spacing_mm=(1.0, 1.5, 1.0))
    out = tmp_path / "out"
    before = [case.slab(0, 20) for case in prepare_dataset(dataset, settings, out).cases]
    written = {path: path.stat().st_mtime_ns for path in (out / "cases").rglob("*")}
    cases = sorted((out / "cases").iterdir())
    (cases[0] / "image" / "c" / "0" / "1" / "0" / "0").unlink()
    damaged = cases[2] / "labels" / "c" / "0" / "0" / "0"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=r"b0\.zarr.*is missing from the prepared case"):
        open_prepared(out).cases[0].slab(0, 20)
    after = [case.slab(0, 20) for case in prepare_dataset(dataset, settings, out).cases]
    for (image, labels), (image_before, labels_before) in zip(after, before, strict=True):
        np.testing.assert_array_equal(image, image_before)
        np.testing.assert_array_equal(labels, labels_before)
    # What was whole was left alone.
    assert all(written[path] == path.stat().st_mtime_ns for path in cases[1].rglob("*"))


def test_a_description_that_was_edited_or_mixed_is_told(blocks: Path, tmp_path: Path) -> None:
    dataset = read_dataset(blocks)
    out, other = tmp_path / "out", tmp_path / "other"
    prepare_dataset(dataset, Preprocessing(spacing_mm=(1.0, 1.5, 1.0)), out)
    prepare_dataset(dataset, Preprocessing(spacing_mm=(1.0, 1.5, 2.0)), other)
    shutil.rmtree(out / "cases" / "b1.zarr")
    shutil.copytree(other / "cases" / "b1.zarr", out / "cases" / "b1.zarr")
    with pytest.raises(InputError, match=r"b1\.zarr: is damaged or is not the case that was prep"):
        open_prepared(out)
    text = (other / "prepared.json").read_text()
    (other / "prepared.json").write_text(text.replace("1.5", "1.6"))
    with pytest.raises(InputError, match=r"prepared\.json: is damaged or was edited"):
        open_prepared(other)
    (other / "prepared.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"prepared\.json: cannot be read"):
        open_prepared(other)
