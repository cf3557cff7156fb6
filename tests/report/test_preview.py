import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.errors import InputError
from amcnet.report import gather_views, preview_figure
from amcnet.workflows.output_files import write_figure

SPACING_MM = (0.9, 0.8, 0.6)
TABLE = LabelTable(
    (
        Structure(1, "red one", color_rgb=(230, 40, 40)),
        Structure(2, "green one", color_rgb=(40, 220, 60)),
        Structure(3, "unused one", color_rgb=(40, 60, 240)),
    )
)


def write_preview(path, image, labels, spacing_mm, table, **texts):
    write_figure(
        path, preview_figure(gather_views(image, labels, spacing_mm, table), table, **texts)
    )


def pixels_near(picture, color_rgb, tolerance=10):
    difference = np.abs(picture * 255 - np.array(color_rgb)).max(axis=-1)
    return int(np.count_nonzero(difference <= tolerance))


def read_rgb(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


@pytest.fixture
def volume():
    image = np.random.default_rng(0).integers(0, 256, (60, 50, 30), dtype=np.uint8)
    labels = np.zeros((60, 50, 30), dtype=np.uint8)
    labels[10:50, 10:20, 10:20] = 1
    labels[10:50, 30:40, 10:20] = 2
    return image, labels


def test_colours_of_present_structures_appear(volume, tmp_path):
    path = tmp_path / "preview.png"
    write_preview(path, *volume, SPACING_MM, TABLE, title="Case 1", footnote="A note.")
    picture = read_rgb(path)
    assert picture.shape[0] == 1200
    assert 1000 <= picture.shape[1] <= 2200
    assert 20_000 < path.stat().st_size < 5_000_000
    assert pixels_near(picture, (230, 40, 40)) > 300
    assert pixels_near(picture, (40, 220, 60)) > 300
    assert pixels_near(picture, (40, 60, 240)) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["preview.png"]


def test_seen_from_above_with_the_first_scan_slice_at_the_top(volume, tmp_path):
    image, labels = volume
    labels[:] = 0
    labels[0:8, 0:10] = 1
    path = tmp_path / "preview.png"
    write_preview(path, image * 0, labels, SPACING_MM, TABLE)
    reddish = read_rgb(path)[:, :700]
    rows, columns = np.nonzero((reddish[..., 0] > 0.6) & (reddish[..., 1] < 0.3))
    assert rows.max() < 400
    assert columns.max() < 350


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((3, 40, 30), np.float64), ((1, 1, 1), np.int16), ((20, 900, 40), np.uint8)],
)
def test_any_size_and_no_labels(shape, dtype, tmp_path):
    path = tmp_path / "preview.png"
    labels = np.zeros(shape, dtype=np.int32)
    write_preview(path, np.ones(shape, dtype=dtype), labels, SPACING_MM, hand_label_table())
    assert path.stat().st_size > 5_000


def test_image_with_values_that_are_not_numbers(volume, tmp_path):
    image, labels = volume
    unusable = np.full(image.shape, np.nan)
    write_preview(tmp_path / "preview.png", unusable, labels, SPACING_MM, TABLE)
    assert (tmp_path / "preview.png").exists()


@pytest.mark.parametrize(
    ("image_shape", "value", "message"),
    [
        ((60, 50, 29), 1, r"image has the shape \(60, 50, 29\)"),
        ((60, 50, 30), 4, "label 4, expected 0 to 3"),
    ],
)
def test_unusable_inputs_are_named(volume, image_shape, value, message, tmp_path):
    labels = volume[1]
    labels[0, 0, 0] = value
    with pytest.raises(InputError, match=message):
        write_preview(tmp_path / "p.png", np.zeros(image_shape), labels, SPACING_MM, TABLE)
    assert not list(tmp_path.iterdir())
