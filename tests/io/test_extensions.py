from pathlib import Path

from amcnet.io import (
    GRID_EXTENSIONS,
    IMAGE_EXTENSIONS,
    LABEL_EXTENSIONS,
    READABLE_EXTENSIONS,
    find_extension,
)


def test_find_extension_prefers_the_longest() -> None:
    known = (".nrrd", ".seg.nrrd", ".nii", ".nii.gz")
    assert find_extension(Path("A.SEG.NRRD"), known) == ".seg.nrrd"
    assert find_extension(Path("a.nii.gz"), known) == ".nii.gz"
    assert find_extension(Path("a.gz"), known) is None


def test_everything_that_is_written_can_be_read() -> None:
    assert set(GRID_EXTENSIONS) <= set(IMAGE_EXTENSIONS)
    assert set(LABEL_EXTENSIONS) <= set(READABLE_EXTENSIONS)
