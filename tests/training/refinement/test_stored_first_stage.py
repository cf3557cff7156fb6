"""Labels of the first stage in a run folder: lost, damaged, outdated and foreign ones."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from amcnet.bundle import Bundle, load_bundle
from amcnet.data import read_dataset
from amcnet.data.preparation import prepare_dataset
from amcnet.errors import InputError
from amcnet.training.refinement.first_stage import (
    centres_path,
    label_path,
    make_first_stage,
    read_first_stage,
)
from amcnet.training.refinement.patches import RefinementCase

from ...conftest import BLOCKS_TABLE, MakeBundle


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.mkdir, (self.path,)


def models(make_bundle: MakeBundle) -> tuple[Bundle, Bundle]:
    network = {"num_classes": BLOCKS_TABLE.num_classes}
    labels = BLOCKS_TABLE.to_dicts()
    return tuple(
        load_bundle(make_bundle(f"first-stage-{seed}", seed=seed, network=network, labels=labels))
        for seed in (0, 1)
    )


def test_only_intact_labels_of_the_same_model_are_kept(
    tmp_path: Path, blocks: Path, make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    model, other = models(make_bundle)
    dataset = read_dataset(blocks)
    prepared = prepare_dataset(dataset, model.description.preprocessing, tmp_path / "prepared")
    pairs = list(zip(dataset.cases, prepared.cases, strict=True))[:2]
    first, second = (case.name for case, _ in pairs)
    make_first_stage(model, pairs, tmp_path)
    files = {p: p.read_bytes() for p in sorted((tmp_path / "first-stage").iterdir())}
    written = {path: path.stat().st_mtime_ns for path in files}
    make_first_stage(model, pairs, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in files} == written
    assert not caplog.records

    damaged = bytearray(files[label_path(tmp_path, first)])
    damaged[-1] ^= 1
    label_path(tmp_path, first).write_bytes(damaged)
    centres_path(tmp_path, second).unlink()
    make_first_stage(model, pairs, tmp_path)
    assert {path: path.read_bytes() for path in files} == files
    assert [r.message.split(":")[0] for r in caplog.records] == [f"case {first}", f"case {second}"]

    make_first_stage(other, pairs, tmp_path)
    assert label_path(tmp_path, first).read_bytes() != files[label_path(tmp_path, first)]


@pytest.mark.parametrize("content", ["pickle", "objects", "archive", "cut", "folder", "none"])
def test_other_files_are_one_line_and_run_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.npy"
    trap = Trap(tmp_path / "ran")
    if content == "pickle":
        path.write_bytes(pickle.dumps(trap))
    elif content == "objects":
        np.save(path, np.array([trap], object), allow_pickle=True)
    elif content == "archive":
        with path.open("wb") as file:
            np.savez(file, a=np.zeros(3))
    elif content == "cut":
        np.save(path, np.zeros((20, 20), np.uint8))
        path.write_bytes(path.read_bytes()[:-1])
    elif content == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=r"a\.npy: (cannot be read|is a folder|no such file)"):
        read_first_stage(path)
    assert not (tmp_path / "ran").exists()


def test_arrays_that_do_not_fit_the_volume_are_refused(cases: tuple[RefinementCase, ...]) -> None:
    case = cases[0]
    box = (slice(0, 4), slice(0, 4), slice(0, 4))
    labels, centres = (p(case.folder, case.case.name) for p in (label_path, centres_path))
    np.save(labels, np.full(case.case.shape, 200, np.uint8))
    with pytest.raises(InputError, match="has label 200, which is no structure"):
        case.cut(box)
    np.save(labels, np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(InputError, match=r"holds uint8 \(3, 3, 3\), expected labels"):
        case.cut(box)
    np.save(centres, np.array([[1, 900, 0, 0]], np.int16))
    with pytest.raises(InputError, match="positions outside the volume"):
        case.centres()
    np.save(centres, np.zeros((4, 3), np.float64))
    with pytest.raises(InputError, match="expected positions"):
        case.centres()
