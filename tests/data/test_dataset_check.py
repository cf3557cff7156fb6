import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.data.dataset_check import CheckReport, check_dataset
from amcnet.errors import ConfigError

SHAPE = (6, 8, 10)
SPACING = (0.5, 0.25, 0.125)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 200, SHAPE).astype(np.int16)


def blocks(*values: int) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    for index, value in enumerate(values):
        labels[index : index + 1, 2:5, 3:6] = value
    return labels


def rows(report: CheckReport) -> list[tuple[str, str, str]]:
    return [(problem.severity, problem.case, problem.what) for problem in report.problems]


@pytest.fixture
def make_cases(write_volume):
    """Write pairs of good cases: ``make_cases(folder, a=(1, 2), ...)`` with the labels of each."""

    def write(folder: Path, **cases: tuple[int, ...]) -> Path:
        for seed, (name, values) in enumerate(cases.items()):
            write_volume(folder / "images" / f"{name}.nrrd", noise(seed), SPACING)
            write_volume(folder / "labels" / f"{name}.nrrd", blocks(*values), SPACING)
        return folder

    return write


def describe(folder: Path, **labels: int) -> None:
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0} | labels}))


def test_a_good_data_set_has_no_problems(tmp_path, make_cases):
    folder = make_cases(tmp_path / "d", a=(1, 2), b=(1, 2), c=(2, 1), d=(1, 2))
    describe(folder, x=1, y=2)
    calls = []
    report = check_dataset(folder, progress=lambda done, total: calls.append((done, total)))
    assert report.problems == ()
    assert calls == [(done, 4) for done in range(5)]
    assert [case.name for case in report.dataset.cases] == list("abcd")
    assert [case.name for case in report.properties] == list("abcd")


# (case, pattern) of everything that is wrong with the data set of many defects.
ERRORS = [
    ("Same", "^the cases Same, same differ only in letter case"),
    ("copy", "^has the same voxels as case 'a'$"),
    ("flat", r"images/flat\.nii\.gz: size is 10 x 8, expected a 3D image"),
    ("four", r"images/four\.nii\.gz: size is 10 x 8 x 6 x 2, expected a 3D image"),
    ("fraction", r"labels/fraction\.nii\.gz: found fractions in 2 voxels"),
    ("grid", r"labels/grid\.mha: .*different grids: spacing .* against .*; origin .* against"),
    ("nan", r"images/nan\.mha: found NaN or infinity in 3 voxels"),
    ("no_image", r"labels/no_image_seg\.nrrd has no image"),
    ("no_label", r"^its label file is missing, expected the labels of images/no_label\.nrrd"),
    ("text", r"images/text\.nrrd: the content is not NRRD"),
    ("truncated", r"images/truncated\.nii\.gz: .*(early|truncated)"),
    ("unknown", r"labels/unknown\.nrrd: label values 7, 9 were found, expected 0 to 4"),
    ("unknown", r"labels/unknown\.nrrd: .*different grids: size \(6, 8, 10\) against \(5, 8, 10\)"),
]
WARNINGS = [
    ("", r"^no case has 'nobody' \(1 of 4 structures\)$"),
    ("", r"^the ignore label 5 marks 9 voxels \(cases with such voxels: 1\)$"),
    ("coarse", r"^spacing along scan is 2 mm, the median of all cases is 0\.5 mm$"),
    ("constant", r"images/constant\.nrrd: all voxels have the value 3"),
    ("empty", r"labels/empty\.nrrd: the label map holds no structure"),
    ("long", r"^size along scan is 30 voxels, the median of all cases is 6 voxels$"),
    ("rare", r"^no other case has 'seldom'$"),
]


@pytest.fixture
def defective(tmp_path, make_cases, write_volume) -> Path:
    folder = make_cases(tmp_path / "d", a=(1, 2), b=(1, 2), rare=(1, 2, 3), ignored=(1, 2, 5))
    describe(folder, x=1, y=2, seldom=3, nobody=4, ignore=5)
    images, labels = folder / "images", folder / "labels"
    if (folder / "IMAGES").exists():
        pytest.skip("this file system does not tell A from a")

    def add(name: str, image: np.ndarray, label: np.ndarray, endings=(".nrrd", ".nrrd")) -> None:
        write_volume(images / f"{name}{endings[0]}", image, SPACING)
        write_volume(labels / f"{name}{endings[1]}", label, SPACING)

    good = blocks(1, 2)
    add("copy", noise(0).astype(np.float32), good, (".mha", ".nii.gz"))
    add("empty", noise(11), blocks())
    add("flat", noise(12), good)
    add("four", noise(13), good)
    for name, shape in (("flat", SHAPE[1:]), ("four", (2, *SHAPE))):
        (images / f"{name}.nrrd").unlink()
        image = sitk.GetImageFromArray(np.ones(shape, np.uint8), isVector=False)
        sitk.WriteImage(image, str(images / f"{name}.nii.gz"))
    fraction = good.astype(np.float32)
    fraction[0, 0, :2] = 0.5
    add("fraction", noise(14), fraction, (".nrrd", ".nii.gz"))
    add("grid", noise(15), good)
    (labels / "grid.nrrd").unlink()
    write_volume(labels / "grid.mha", good, (0.5, 0.25, 0.25), (0, 3, 0))
    broken = noise(16).astype(np.float32)
    broken[0, 0, :3] = (np.nan, np.inf, -np.inf)
    add("nan", broken, good, (".mha", ".nrrd"))
    write_volume(labels / "no_image_seg.nrrd", good, SPACING)
    write_volume(images / "no_label.nrrd", noise(17), SPACING)
    add("text", noise(18), good)
    (images / "text.nrrd").write_text("no image")
    add("truncated", noise(19), good, (".nii.gz", ".nrrd"))
    whole = (images / "truncated.nii.gz").read_bytes()
    (images / "truncated.nii.gz").write_bytes(whole[: len(whole) // 2])
    add("unknown", noise(20), blocks(1, 9, 7, 2)[:5])
    add("constant", np.full(SHAPE, 3, np.uint8), good)
    write_volume(images / "coarse.nrrd", noise(21), (2, 0.25, 0.125))
    write_volume(labels / "coarse.nrrd", good, (2, 0.25, 0.125))
    add("long", np.tile(noise(22), (5, 1, 1)), np.tile(good, (5, 1, 1)))
    add("Same", noise(23), good)
    add("same", noise(24), good)
    return folder


def test_every_problem_is_found_at_once_whatever_the_jobs(defective):
    report = check_dataset(defective)
    for severity, expected in (("error", ERRORS), ("warning", WARNINGS)):
        found = [(case, what) for kind, case, what in rows(report) if kind == severity]
        for case, pattern in expected:
            matching = [row for row in found if row[0] == case and re.search(pattern, row[1])]
            assert len(matching) == 1, (case, pattern, found)
            found.remove(matching[0])
        assert found == []
    kinds = [problem.severity for problem in report.problems]
    assert kinds == sorted(kinds)
    assert report.errors + report.warnings == report.problems
    assert report.dataset.ignore_value == 5
    again = check_dataset(defective, jobs=2)
    assert again == report
    for one, two in zip(report.properties, again.properties, strict=True):
        for a, b in zip(one.channels, two.channels, strict=True):
            np.testing.assert_array_equal(a.sample, b.sample)


def test_gaps_and_few_cases_are_warned_of(tmp_path, make_cases):
    folder = make_cases(tmp_path / "d", a=(1, 4), b=(1, 4), c=(1, 4))
    names = tmp_path / "names.txt"
    names.write_text('1 255 0 0 1 1 1 "x"\n4 0 255 0 1 1 1 "y"\n')
    report = check_dataset(folder, names)
    assert rows(report) == [
        ("warning", "", "the number of cases is 3, expected 4 or more"),
        ("warning", "", "the label file does not name the values 2, 3: they remain unused"),
    ]
    assert len(report.dataset.table) == 4


def test_cases_are_checked_though_the_labels_have_no_names(tmp_path, make_cases):
    folder = make_cases(tmp_path / "d", a=(1,), b=(1,), c=(), d=(1,))
    report = check_dataset(folder)
    assert report.dataset is None
    (error,) = report.errors
    assert "nothing states what the labels mean" in error.what
    assert [problem.case for problem in report.warnings if "no structure" in problem.what] == ["c"]
    describe(folder, x=2)
    report = check_dataset(folder)
    assert report.dataset is None
    assert report.errors[0].what == "dataset.json: label values are [2], expected 1 to 1"


def test_a_folder_that_is_no_data_set(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        report = check_dataset(folder)
        assert (report.dataset, report.properties) == (None, ())
        assert "expected the nnU-Net raw layout" in report.errors[0].what


def test_jobs_are_checked(tmp_path, make_cases):
    folder = make_cases(tmp_path / "d", a=(1,))
    with pytest.raises(ConfigError, match="jobs"):
        check_dataset(folder, jobs=0)


def test_the_unexpected_is_not_swallowed(tmp_path, make_cases, monkeypatch):
    folder = make_cases(tmp_path / "d", a=(1,))
    describe(folder, x=1)

    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("amcnet.data.case_check.image_digest", fail)
    with pytest.raises(ZeroDivisionError):
        check_dataset(folder)


def test_files_that_are_not_used_are_named(blocks: Path, tmp_path: Path) -> None:
    """A case in another format would be absent from the training without a word."""
    folder = tmp_path / "data"
    shutil.copytree(blocks, folder)
    for name in ("imagesTr/x_0000.nii.gz", "labelsTr/x.nii.gz", "imagesTr/y.zip"):
        (folder / name).write_bytes(b"")
    (folder / "imagesTr" / ".hidden").write_bytes(b"")
    (folder / "imagesTr" / "notes.txt").write_bytes(b"")
    problems = [problem.what for problem in check_dataset(folder).problems]
    unused = "imagesTr/x_0000.nii.gz, imagesTr/y.zip, labelsTr/x.nii.gz"
    assert f"files that no case uses: {unused}" in problems
