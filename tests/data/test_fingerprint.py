import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.data import Dataset
from amcnet.data.dataset_check import check_dataset
from amcnet.data.fingerprint import Fingerprint, make_fingerprint
from amcnet.errors import InputError

SPACINGS = ((1.0, 0.5, 0.25), (2.0, 0.5, 0.25), (4.0, 0.5, 0.5))
SIZES = ((4, 8, 6), (6, 8, 6), (9, 9, 7))


def image(case: int, channel: int) -> np.ndarray:
    rng = np.random.default_rng((case, channel))
    return rng.normal(100 * channel, 10, SIZES[case]).astype(np.float32)


def labels(case: int) -> np.ndarray:
    array = np.zeros(SIZES[case], np.uint8)
    array[1:3, 2:6, 2:5] = 1
    if case == 1:
        array[2, 2:4, 2:4] = 2
    return array


@pytest.fixture
def report(tmp_path, write_volume):
    for case, name in enumerate("abc"):
        for channel in range(2):
            path = tmp_path / "imagesTr" / f"{name}_000{channel}.nrrd"
            write_volume(path, image(case, channel), SPACINGS[case])
        write_volume(tmp_path / "labelsTr" / f"{name}.nrrd", labels(case), SPACINGS[case])
    (tmp_path / "dataset.json").write_text(
        '{"labels": {"background": 0, "x": 1, "y": 2}, "file_ending": ".nrrd",'
        ' "channel_names": {"0": "CT", "1": "PET"}}'
    )
    return check_dataset(tmp_path)


def test_figures_of_real_files_agree_with_numpy(report):
    assert report.errors == ()
    fingerprint = make_fingerprint(report.properties, report.dataset)
    assert fingerprint.cases == 3
    assert fingerprint.shape == (6, 8, 6)
    assert fingerprint.spacing_mm == (2, 0.5, 0.25)
    assert fingerprint.spacing_low_mm == (1, 0.5, 0.25)
    assert fingerprint.spacing_high_mm == (4, 0.5, 0.5)
    assert fingerprint.spacing_fine_mm == pytest.approx((1.2, 0.5, 0.25))
    rows = [(s.value, s.name, s.voxels, s.cases) for s in fingerprint.structures]
    assert rows == [(1, "x", 3 * 24 - 4, 3), (2, "y", 4, 1)]
    assert [channel.name for channel in fingerprint.channels] == ["CT", "PET"]
    for index, channel in enumerate(fingerprint.channels):
        pooled = np.concatenate([image(case, index)[labels(case) > 0] for case in range(3)])
        figures = channel.foreground
        assert figures.mean == pytest.approx(pooled.mean(), rel=1e-6, abs=1e-6)
        assert figures.std == pytest.approx(pooled.std(), rel=1e-5)
        found = (figures.percentile_00_5, figures.median, figures.percentile_99_5)
        assert found == pytest.approx(np.percentile(pooled, (0.5, 50, 99.5)), rel=1e-5)


def test_a_fingerprint_survives_json(report):
    fingerprint = make_fingerprint(report.properties, report.dataset)
    assert Fingerprint.model_validate_json(fingerprint.model_dump_json()) == fingerprint


def test_a_data_set_without_labelled_voxels_has_none(report):
    with pytest.raises(InputError, match="found no labelled voxels"):
        make_fingerprint((), report.dataset)


def test_a_half_is_rounded_up(report):
    dataset = Dataset(report.dataset.folder, LabelTable.from_names(["x"]), (), ("CT",))
    assert make_fingerprint(report.properties[1:], dataset).shape == (8, 9, 7)
