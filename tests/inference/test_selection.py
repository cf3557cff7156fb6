from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError, OutputError
from amcnet.inference import Segmentation, keep_only
from amcnet.io import Geometry, read_labels, read_segments
from amcnet.labelmaps.selection import find_structures, mask_names
from amcnet.workflows.segment.masks import write_each

HAND = hand_label_table()
SHAPE = (4, 6, 5)


def segmentation(table: LabelTable = HAND, seed: int = 0) -> Segmentation:
    labels = np.random.default_rng(seed).integers(0, len(table) + 1, SHAPE).astype(np.uint8)
    return Segmentation(
        labels=labels,
        geometry=Geometry.canonical(SHAPE, (0.5, 0.8, 0.6)),
        table=table,
        confidence={int(value): value / 100 for value in np.unique(labels) if value},
        notice="For nobody.",
        seconds={},
    )


def test_names_kinds_and_groups_of_the_hand() -> None:
    thumb = {s.value for s in HAND if s.group == "thumb"}
    bones = set(HAND.values_of_kind("bone"))
    assert len(thumb) == 6
    assert len(bones) == 19
    assert set(find_structures(HAND, ["Thumb"])) == thumb
    assert set(find_structures(HAND, ["bones"])) == set(find_structures(HAND, ["bone"])) == bones
    assert set(find_structures(HAND, ["EPIPHYSES"])) == set(HAND.values_of_kind("epiphysis"))
    assert set(find_structures(HAND, ["thumb, bone"])) == thumb | bones
    assert find_structures(HAND, ["first_metacarpal  Bone"]) == (5,)
    assert find_structures(HAND, ["bones", "epiphyses,"]) == tuple(range(1, 39))


def test_other_tables() -> None:
    table = LabelTable.from_names(["left, upper", "left", "upper", "structures"])
    assert find_structures(table, ["left, upper"]) == (1,)
    assert find_structures(table, ["upper,left"]) == (2, 3)
    assert find_structures(table, ["structures"]) == (4,)  # a name comes before a kind
    assert find_structures(table, ["structure"]) == (1, 2, 3, 4)


def test_unknown_names_get_close_ones() -> None:
    with pytest.raises(InputError, match=r"'epiphisis' is not in .*, expected 'epiphysis' or"):
        find_structures(HAND, ["bone,epiphisis"])
    with pytest.raises(InputError, match=r"'xyz' .*, expected one of its structures"):
        find_structures(HAND, ["xyz"])
    for nothing in ([], [" , "]):
        with pytest.raises(InputError, match="no structures were named"):
            find_structures(HAND, nothing)


@given(st.sets(st.integers(1, 38), min_size=1), st.integers(0, 5))
def test_what_is_kept_and_what_is_not(values: set[int], seed: int) -> None:
    result = segmentation(seed=seed)
    before = result.labels.copy()
    kept = keep_only(result, [HAND[value].name for value in values])
    chosen = np.isin(before, list(values))
    np.testing.assert_array_equal(kept.labels[chosen], before[chosen])
    assert not kept.labels[~chosen].any()
    assert kept.confidence.keys() == result.confidence.keys() & values
    np.testing.assert_array_equal(result.labels, before)
    assert kept.labels.dtype == np.uint8


def test_file_lists_what_was_kept(tmp_path: Path) -> None:
    result = segmentation()
    kept = keep_only(result, ["thumb"])
    kept.write(tmp_path / "thumb.seg.nrrd")
    kept.write(tmp_path / "thumb.nii.gz")
    expected = [(s.name, s.value) for s in HAND if s.group == "thumb"]
    assert [(s.name, s.label_value) for s in read_segments(tmp_path / "thumb.seg.nrrd")] == expected
    for name in ("thumb.seg.nrrd", "thumb.nii.gz"):
        for table in (HAND, None):
            read = read_labels(tmp_path / name, table)
            np.testing.assert_array_equal(read.array, kept.labels)
    result.write(tmp_path / "all.seg.nrrd")
    assert len(read_segments(tmp_path / "all.seg.nrrd")) == 38


@pytest.mark.parametrize("extension", [".nii.gz", ".nrrd", ".seg.nrrd", ".mha"])
def test_masks_are_the_labels(tmp_path: Path, extension: str) -> None:
    result = segmentation()
    files = write_each(result, tmp_path / "masks", extension)
    assert sorted(files) == sorted((tmp_path / "masks").iterdir())
    assert len(files) == len(result.confidence)
    rebuilt = np.zeros(SHAPE, np.uint8)
    for structure in HAND:
        path = tmp_path / "masks" / f"{structure.name.replace(' ', '_')}{extension}"
        if structure.value in result.confidence:
            image = sitk.ReadImage(str(path))
            assert image.GetPixelID() == sitk.sitkUInt8
            mask = sitk.GetArrayFromImage(image)
            assert set(np.unique(mask)) == {0, 1}
            np.testing.assert_allclose(image.GetSpacing(), (0.6, 0.8, 0.5), rtol=1e-6)
            rebuilt[mask == 1] = structure.value
        else:
            assert not path.exists()
    np.testing.assert_array_equal(rebuilt, result.labels)
    if extension == ".seg.nrrd":
        assert [s.name for s in read_segments(files[0])] == [HAND[min(result.confidence)].name]


def test_names_that_are_no_file_names() -> None:
    table = LabelTable.from_names(["a b", "A_b", "c/d:e", "...", "é"])
    assert mask_names(table) == {1: "a_b_1", 2: "A_b_2", 3: "c_d_e", 4: "_4", 5: "é"}


def test_masks_are_replaced_as_a_whole_and_nothing_else_is(tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()  # an empty one is fine
    write_each(segmentation(), folder)
    thumb = keep_only(segmentation(seed=1), ["thumb"])
    with pytest.raises(OutputError, match="masks: already exists, use --overwrite"):
        write_each(thumb, folder)
    files = write_each(thumb, folder, overwrite=True)
    assert sorted(folder.iterdir()) == sorted(files)
    (folder / "mine.nii.gz").write_bytes(b"x")
    with pytest.raises(OutputError, match=r"masks: holds 'mine\.nii\.gz', expected a new or empty"):
        write_each(thumb, folder, overwrite=True)
    assert (folder / "mine.nii.gz").read_bytes() == b"x"


REFUSALS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "parent": ("does not exist, create it first", lambda here: here / "no" / "masks"),
    "file": ("is a file, expected a folder", lambda here: here / "file"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(tmp_path: Path, case: str) -> None:
    (tmp_path / "file").write_text("mine")
    message, folder = REFUSALS[case]
    with pytest.raises(OutputError, match=message):
        write_each(segmentation(), folder(tmp_path))
    with pytest.raises(OutputError, match=r"found file type '\.png', expected one of \.seg\.nrrd"):
        write_each(segmentation(), tmp_path / "masks", ".png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
