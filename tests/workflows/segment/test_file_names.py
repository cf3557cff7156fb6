from pathlib import Path

import pytest

from amcnet.errors import InputError, OutputError
from amcnet.workflows.segment.file_names import channel_files, find_inputs, plan_outputs


def test_one_file(tmp_path: Path) -> None:
    pairs = plan_outputs([tmp_path / "a.mha"], tmp_path / "b.nii.gz")
    assert pairs == [(tmp_path / "a.mha", tmp_path / "b.nii.gz")]


def test_folder_gets_one_segmentation_each(tmp_path: Path) -> None:
    pairs = plan_outputs([Path("x/a.nii.gz"), Path("y/b.v2.nrrd")], tmp_path)
    assert [target.name for _, target in pairs] == ["a.nii.gz", "b.v2.seg.nrrd"]


def test_refusals(tmp_path: Path) -> None:
    two = [tmp_path / "a.mha", tmp_path / "b.mha"]
    with pytest.raises(OutputError, match="expected one for 2 inputs"):
        plan_outputs(two, tmp_path / "out.nrrd")
    with pytest.raises(OutputError, match="would be written for both"):
        plan_outputs([tmp_path / "a.mhd", tmp_path / "a.mha"], tmp_path)
    source = tmp_path / "c.nrrd"
    source.write_bytes(b"x")
    with pytest.raises(OutputError, match="is an input too"):
        plan_outputs([source], source, overwrite=True)


def test_no_input_is_replaced(tmp_path: Path) -> None:
    first, second = tmp_path / "x.nrrd", tmp_path / "x.seg.nrrd"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    with pytest.raises(OutputError, match=r"x\.seg\.nrrd: is an input too"):
        plan_outputs([first, second], tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="would be written for both"):
        plan_outputs([tmp_path / "A.mha", tmp_path / "a.mha"], tmp_path)


def test_channels_are_found_beside_the_first(tmp_path: Path) -> None:
    for name in ("a_0000.NII.GZ", "a_0001.NII.GZ", "a_0002.NII.GZ"):
        (tmp_path / name).write_bytes(b"x")
    first = tmp_path / "a_0000.NII.GZ"
    assert [path.name for path in channel_files(first, 3)] == [
        "a_0000.NII.GZ", "a_0001.NII.GZ", "a_0002.NII.GZ",
    ]  # fmt: skip
    assert channel_files(first, 1) == [first]
    with pytest.raises(
        InputError, match=r"a_0003\.NII\.GZ: no such file, expected it in the folder of a_0"
    ):
        channel_files(first, 4)
    with pytest.raises(InputError, match=r"b\.nrrd: found no _0000 .*, expected NAME_0000\.nrrd"):
        channel_files(tmp_path / "b.nrrd", 2)


def test_output_names_of_channels(tmp_path: Path) -> None:
    inputs = [Path("x/a_0000.nii.gz"), Path("y/b_0000.v2_0000.nrrd")]
    pairs = plan_outputs(inputs, tmp_path, channels=2)
    assert [target.name for _, target in pairs] == ["a.nii.gz", "b_0000.v2.seg.nrrd"]
    pairs = plan_outputs(inputs, tmp_path)
    assert [target.name for _, target in pairs] == ["a.nii.gz", "b_0000.v2.seg.nrrd"]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("a.nii.gz", "a.nii.gz"), ("a.NII", "a.nii"), ("a.mha", "a.mha"), ("a.mhd", "a.mha"),
        ("a.nrrd", "a.seg.nrrd"), ("a.nhdr", "a.seg.nrrd"), ("a.dcm", "a.seg.nrrd"),
        ("hand_0000.nii.gz", "hand.nii.gz"), ("hand_0001.nii.gz", "hand_0001.nii.gz"),
    ],
)  # fmt: skip
def test_folders_keep_the_type_of_the_input(tmp_path: Path, name: str, output: str) -> None:
    assert plan_outputs([Path("x") / name], tmp_path) == [(Path("x") / name, tmp_path / output)]
    ((_, target),) = plan_outputs([Path("x") / name], tmp_path, extension=".seg.nrrd")
    assert target.name == output.split(".")[0] + ".seg.nrrd"


def test_no_channel_is_replaced(tmp_path: Path) -> None:
    for name in ("a_0000.nrrd", "a_0001.nrrd"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(OutputError, match=r"a_0001\.nrrd: is an input too"):
        plan_outputs([tmp_path / "a_0000.nrrd"], tmp_path / "a_0001.nrrd", True, channels=2)


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_folder_stands_for_its_images(tmp_path: Path) -> None:
    folder = touch(
        tmp_path / "in", "b.nii.gz", "A.NRRD", "c.seg.nrrd", "C.SEG.NRRD", ".d.nrrd", "notes.txt"
    )
    (folder / "e.nrrd").mkdir()
    alone = tmp_path / "z.seg.nrrd"  # named one by one it is an input
    assert find_inputs([alone, folder]) == [alone, folder / "A.NRRD", folder / "b.nii.gz"]
    with pytest.raises(InputError, match="empty: holds no images, expected files that end in"):
        find_inputs([touch(tmp_path / "empty", "a.txt")])


def test_folder_with_channels(tmp_path: Path) -> None:
    names = [f"{case}_{channel:04d}.nrrd" for case in "ab" for channel in range(2)]
    folder = touch(tmp_path / "in", *names)
    first = [folder / "a_0000.nrrd", folder / "b_0000.nrrd"]
    assert find_inputs([folder], channels=2) == first
    assert len(find_inputs([folder])) == 4
    pairs = plan_outputs([folder], tmp_path / "out", channels=2)
    assert pairs == [(path, tmp_path / "out" / f"{path.name[0]}.seg.nrrd") for path in first]
    (folder / "c.nrrd").write_bytes(b"x")
    with pytest.raises(InputError, match=r"c\.nrrd: found no _0000"):
        plan_outputs([folder], tmp_path / "out", channels=2)


def test_new_folder_for_several(tmp_path: Path) -> None:
    files = [Path("a.mha"), Path("b.mha")]
    pairs = plan_outputs(files, tmp_path / "new.v2", extension=".nii.gz")
    assert [target for _, target in pairs] == [
        tmp_path / "new.v2" / "a.nii.gz", tmp_path / "new.v2" / "b.nii.gz",
    ]  # fmt: skip
    assert not (tmp_path / "new.v2").exists()
    with pytest.raises(OutputError, match=r"unknown file type '\.v2'"):
        plan_outputs(files[:1], tmp_path / "new.v2")
