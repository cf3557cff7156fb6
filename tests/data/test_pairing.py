from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.data.pairing import nnunet_pairs, plain_pairs, stem_of
from amcnet.errors import InputError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def listed(folder: Path) -> dict[str, tuple[str, ...]]:
    """Pair a plain folder without problems; return files by case, the labels last."""
    found = plain_pairs(folder)
    assert found.problems == ()
    return {
        case.name: tuple(
            path.relative_to(folder).as_posix() for path in (*case.images, case.labels)
        )
        for case in found.cases
    }


def problems(folder: Path) -> list[tuple[str, str]]:
    found = plain_pairs(folder)
    assert {problem.severity for problem in found.problems} <= {"error"}
    return [(problem.case, problem.what) for problem in found.problems]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labels"),
        ("imagesTr", "labelsTr"),
        ("image", "label"),
        ("Volumes", "MASKS"),
        ("images", "Segmentations"),
    ],
)
def test_two_folders(tmp_path, images, labels):
    touch(tmp_path / images, "b.nii.gz", "a.mha", "c.x.nrrd", "._a.mha", "notes.txt")
    touch(tmp_path / labels, "a.nrrd", "b-seg.nii.gz", "c.x.seg.nrrd", ".DS_Store")
    touch(tmp_path / "imagesTs", "t.nrrd")
    touch(tmp_path, "readme.txt", "left-over.nrrd")
    assert listed(tmp_path) == {
        "a": (f"{images}/a.mha", f"{labels}/a.nrrd"),
        "b": (f"{images}/b.nii.gz", f"{labels}/b-seg.nii.gz"),
        "c.x": (f"{images}/c.x.nrrd", f"{labels}/c.x.seg.nrrd"),
    }


@pytest.mark.parametrize(
    "suffix", ["_label", "-label", "_labels", "_seg", "_segmentation", "_mask", "_Label", ".seg"]
)
def test_one_folder(tmp_path, suffix):
    touch(tmp_path, "x.nrrd", f"x{suffix}.nrrd", "y_1.nii", f"y_1{suffix}.nii.gz", "colours.txt")
    assert listed(tmp_path) == {
        "x": ("x.nrrd", f"x{suffix}.nrrd"),
        "y_1": ("y_1.nii", f"y_1{suffix}.nii.gz"),
    }


def test_a_folder_for_each_case(tmp_path):
    touch(tmp_path / "p1", "image.nrrd", "label.nrrd", "other.nrrd")
    touch(tmp_path / "p2", "Image.nii.gz", "Segmentation.seg.nrrd")
    touch(tmp_path / "p3", "image_0000.mha", "image_0001.mha", "mask.mha")
    touch(tmp_path / "notes", "todo.txt")
    found = plain_pairs(tmp_path)
    assert [case.name for case in found.cases] == ["p3"]
    assert [problem.case for problem in found.problems] == ["p1", "p2"]
    assert "has the channels 0000, expected 0000 to 0001" in found.problems[0].what
    (tmp_path / "p3" / "image_0001.mha").unlink()
    assert listed(tmp_path) == {
        "p1": ("p1/image.nrrd", "p1/label.nrrd"),
        "p2": ("p2/Image.nii.gz", "p2/Segmentation.seg.nrrd"),
        "p3": ("p3/image_0000.mha", "p3/mask.mha"),
    }


def test_channels_in_two_folders(tmp_path):
    touch(tmp_path / "images", "a_0000.nrrd", "a_0001.nrrd", "b_0001.nrrd", "b_0000.nrrd")
    touch(tmp_path / "labels", "a.nrrd", "b_seg.nrrd")
    assert listed(tmp_path) == {
        "a": ("images/a_0000.nrrd", "images/a_0001.nrrd", "labels/a.nrrd"),
        "b": ("images/b_0000.nrrd", "images/b_0001.nrrd", "labels/b_seg.nrrd"),
    }


def test_a_running_number_is_no_channel(tmp_path):
    touch(tmp_path / "images", "scan_0001.nrrd", "scan_0002.nrrd")
    touch(tmp_path / "labels", "scan_0001.nrrd", "scan_0002_mask.nrrd")
    assert listed(tmp_path) == {
        "scan_0001": ("images/scan_0001.nrrd", "labels/scan_0001.nrrd"),
        "scan_0002": ("images/scan_0002.nrrd", "labels/scan_0002_mask.nrrd"),
    }


def test_what_has_no_partner_is_collected(tmp_path):
    touch(tmp_path, "a.nrrd", "b_label.nrrd", "c.nrrd", "c_label.nrrd", "d.nrrd", "d.nii.gz")
    touch(tmp_path, "d_seg.nrrd", "e.nrrd", "e_seg.nrrd", "e_mask.nrrd")
    assert [case.name for case in plain_pairs(tmp_path).cases] == ["c"]
    assert problems(tmp_path) == [
        ("a", "its label file is missing, expected the labels of a.nrrd"),
        ("b", "b_label.nrrd has no image, expected the image to which its labels belong"),
        ("d", "has the images d.nii.gz, d.nrrd, expected one"),
        ("e", "has the label files e_mask.nrrd, e_seg.nrrd, expected one"),
    ]


def test_names_that_differ_only_in_case(tmp_path):
    touch(tmp_path, "Case.nrrd", "Case_seg.nrrd")
    if (tmp_path / "case.nrrd").exists():
        pytest.skip("this file system does not tell A from a")
    touch(tmp_path, "case.nrrd", "case_seg.nrrd")
    assert problems(tmp_path) == [("Case", "the cases Case, case differ only in letter case")]


def test_folders_that_hold_nothing_of_the_kind(tmp_path):
    for names in ((), ("images/a.nrrd",), ("p1/scan.nrrd",)):
        touch(tmp_path, *names)
        with pytest.raises(InputError, match="found no images and labels, expected the nnU-Net"):
            plain_pairs(tmp_path)


def test_two_folders_of_images(tmp_path):
    touch(tmp_path, "images/a.nrrd", "volumes/a.nrrd", "labels/a.nrrd")
    with pytest.raises(InputError, match="'images' and 'volumes', expected one of them"):
        plain_pairs(tmp_path)


def test_nnunet_channels(tmp_path):
    touch(tmp_path / "imagesTr", "a_0000.nrrd", "a_0001.nrrd", "b_0000.nrrd", "odd.nrrd")
    touch(tmp_path / "imagesTr", "c_0000.nrrd", "c_0001.nrrd", "a_0000.nii.gz")
    touch(tmp_path / "labelsTr", "a.nrrd", "b.nrrd", "d.nrrd", "c.seg.nrrd")
    for channels in (2, None):
        found = nnunet_pairs(tmp_path, ".nrrd", channels)
        assert [(case.name, len(case.images)) for case in found.cases] == [("a", 2), ("c", 2)]
        assert found.cases[1].labels.name == "c.seg.nrrd"
        assert [(problem.case, problem.what) for problem in found.problems] == [
            ("odd", "imagesTr/odd.nrrd has no channel, expected odd_0000.nrrd"),
            ("b", "has the channels 0000, expected 0000 to 0001"),
            ("d", "labelsTr/d.nrrd has no image, expected the image to which its labels belong"),
        ]
    found = nnunet_pairs(tmp_path, ".nrrd", 1)
    assert [case.name for case in found.cases] == ["b"]
    assert found.problems[1].what == "has the channels 0000, 0001, expected 0000"


NAMES = st.text("abz019_-. ", min_size=1, max_size=6).filter(
    lambda name: not name.startswith(".") and name == name.strip() and stem_of(Path(name)) == name
)


@given(
    st.dictionaries(
        NAMES,
        st.tuples(
            st.sampled_from([".nrrd", ".nii.gz", ".MHA"]),
            st.sampled_from(["", "_label", "-seg", "_mask"]),
            st.sampled_from([".nrrd", ".nii", ".seg.nrrd"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_pair_is_found(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("pairs")
    for name, (image, suffix, label) in files.items():
        touch(folder, f"images/{name}{image}", f"labels/{name}{suffix}{label}")
    assert listed(folder) == {
        name: (f"images/{name}{image}", f"labels/{name}{suffix}{label}")
        for name, (image, suffix, label) in files.items()
    }


def test_names_from_macos_and_from_other_systems(tmp_path):
    """macOS stores an umlaut as two characters: a letter and a combining diaeresis."""
    two, one = "Mu\N{COMBINING DIAERESIS}ller", "M\xfcller"
    touch(tmp_path, f"images/{two}.nrrd", f"labels/{one}.nrrd")
    assert list(listed(tmp_path)) == [one]
    touch(tmp_path / "nnunet", f"imagesTr/{one}_0000.nrrd", f"labelsTr/{two}.nrrd")
    found = nnunet_pairs(tmp_path / "nnunet", ".nrrd", 1)
    assert ([case.name for case in found.cases], found.problems) == ([one], ())
