from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import slicerio

from amcnet.anatomy.hand_table import hand_label_table
from amcnet.anatomy.label_table import LabelTable
from amcnet.errors import InputError, OutputError
from amcnet.io import (
    GRID_EXTENSIONS,
    Geometry,
    SegmentOverlap,
    read_embedded_label_table,
    read_labels,
    read_segments,
    same_grid,
    write_labels,
)

TABLE = hand_label_table()
DIRECTIONS = {
    "identity": np.eye(3),
    "turned": np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "oblique": np.array(sitk.VersorTransform((0.3, 0.5, 0.8), 0.6).GetMatrix()).reshape(3, 3),
}


def make_geometry(direction: str = "identity") -> Geometry:
    return Geometry.from_grid(
        size=(5, 6, 7),
        spacing_mm=(0.088, 0.13, 0.279),
        origin_mm=(-30.0, 12.5, 100.0),
        direction=tuple(DIRECTIONS[direction].ravel()),
    )


def make_labels(geometry: Geometry, dtype: str = "uint8") -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 39, geometry.canonical_shape).astype(dtype)


@pytest.mark.parametrize("extension", [".seg.nrrd", *GRID_EXTENSIONS])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_round_trip(tmp_path: Path, extension: str, direction: str, dtype: str) -> None:
    geometry = make_geometry(direction)
    labels = make_labels(geometry, dtype)
    path = tmp_path / f"hand{extension}"
    write_labels(path, labels, geometry, TABLE)
    assert [other.name for other in tmp_path.iterdir()] == [path.name]
    volume = read_labels(path, TABLE)
    np.testing.assert_array_equal(volume.array, labels)
    assert volume.array.dtype == np.uint8
    assert volume.path == path
    assert same_grid(volume.geometry, geometry) is None
    image = sitk.ReadImage(str(path))
    assert image.GetSize() == geometry.size
    assert image.GetSpacing() == pytest.approx(geometry.spacing_mm)
    assert image.GetOrigin() == pytest.approx(geometry.origin_mm)
    assert image.GetDirection() == pytest.approx(geometry.direction, abs=1e-6)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(image), geometry.from_canonical(labels).astype(dtype)
    )


def test_slicer_lists_all_structures_even_if_empty(tmp_path: Path) -> None:
    geometry = make_geometry("turned")
    path = tmp_path / "hand.seg.nrrd"
    write_labels(path, np.zeros(geometry.canonical_shape, np.uint8), geometry, TABLE)
    segmentation = slicerio.read_segmentation(str(path))
    segments = segmentation["segments"]
    assert len(segments) == 38
    for segment, structure in zip(segments, TABLE, strict=True):
        assert segment["name"] == structure.name
        assert segment["labelValue"] == structure.value
        assert segment["color"] == pytest.approx(np.array(structure.color_rgb) / 255, abs=1e-5)
        assert segment["extent"] == [0, 4, 0, 5, 0, 6]
        code = structure.codes["FMA"]
        assert segment["terminology"]["type"] == ["FMA", code, structure.name]
    np.testing.assert_allclose(
        segmentation["ijkToLPS"][:3, :3], DIRECTIONS["turned"] * geometry.spacing_mm
    )
    np.testing.assert_allclose(segmentation["ijkToLPS"][:3, 3], geometry.origin_mm)
    header = nrrd.read_header(str(path))
    assert header["kinds"] == ["domain", "domain", "domain"]
    assert header["Segmentation_MasterRepresentation"] == "Binary labelmap"


def test_table_without_codes(tmp_path: Path) -> None:
    geometry = make_geometry()
    table = LabelTable.from_names(["left", "right"])
    labels = make_labels(geometry) % 3
    path = tmp_path / "two.seg.nrrd"
    write_labels(path, labels.astype(np.uint8), geometry, table)
    segments = slicerio.read_segmentation(str(path))["segments"]
    assert [segment["name"] for segment in segments] == ["left", "right"]
    np.testing.assert_array_equal(read_labels(path, table).array, labels)


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    geometry = make_geometry()
    labels = make_labels(geometry)
    path = tmp_path / "hand.nrrd"
    for bad, pattern in (
        (labels.astype(np.int64), "int64, expected uint8 or uint16"),
        (labels[1:], "shape"),
        (labels + np.uint8(1), "up to 39, expected at most 38"),
    ):
        with pytest.raises(OutputError, match=pattern):
            write_labels(path, bad, geometry, TABLE)
    assert list(tmp_path.iterdir()) == []


def write_slicer(path: Path, voxels: np.ndarray, segments: list[dict[str, Any]]) -> Path:
    segmentation = {
        "voxels": voxels,
        "ijkToLPS": np.diag([0.1, 0.2, 0.3, 1.0]),
        "segments": segments,
    }
    slicerio.write_segmentation(str(path), segmentation)
    return path


def segment(name: str, value: int, layer: int = 0, code: str | None = None) -> dict[str, Any]:
    kind = ["FMA", code, name] if code else ["SCT", "85756007", "Tissue"]
    terminology = {"category": ["SCT", "123037004", "Anatomical Structure"], "type": kind}
    return {"name": name, "labelValue": value, "layer": layer, "terminology": terminology}


def test_segments_are_found_by_name_code_or_value(tmp_path: Path) -> None:
    path = tmp_path / "hand.seg.nrrd"
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0, 0, :2] = (9, 4)
    named = [segment("Distal Phalanx of  thumb", 9), segment("my bone", 4, code="23918")]
    array = read_labels(write_slicer(path, voxels, named), TABLE).array
    assert array.shape == (5, 4, 3)
    assert (array[0, 0, 0], array[1, 0, 0]) == (1, 3)
    assert read_labels(path).array.max() == 9
    unnamed = [segment("Segment_1", 9), segment("Segment_2", 4)]
    array = read_labels(write_slicer(path, voxels, unnamed), TABLE).array
    assert (array[0, 0, 0], array[1, 0, 0]) == (9, 4)


def test_unknown_segment_beside_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "hand.seg.nrrd"
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0, 0, 0] = 1
    segments = [segment("distal phalanx of thumb", 1), segment("carpus", 2)]
    assert read_labels(write_slicer(path, voxels, segments), TABLE).array.max() == 1
    voxels[0, 0, 1] = 2
    with pytest.raises(InputError, match=r"hand\.seg\.nrrd: segment 'carpus' is not in the label"):
        read_labels(write_slicer(path, voxels, segments), TABLE)
    with pytest.raises(InputError, match="value 2, which no segment has"):
        read_labels(write_slicer(path, voxels, segments[:1]), TABLE)


def test_layers_are_merged_and_the_last_wins(tmp_path: Path) -> None:
    path = tmp_path / "hand.seg.nrrd"
    voxels = np.zeros((2, 3, 4, 5), np.uint8)
    voxels[0, 0, 0, :2] = 1
    voxels[1, 0, 0, 1:3] = 1
    segments = [
        segment("distal phalanx of thumb", 1, layer=0),
        segment("proximal phalanx of thumb", 1, layer=1),
    ]
    write_slicer(path, voxels, segments)
    volume = read_labels(path, TABLE)
    assert volume.array[:, 0, 0].tolist() == [1, 3, 3, 0, 0]
    hidden = SegmentOverlap("distal phalanx of thumb", "proximal phalanx of thumb", 1)
    assert volume.overlaps == (hidden,)
    assert volume.remarks == (
        "segments overlap, and the last one is kept: 1 voxel of 'distal phalanx of thumb' under "
        "'proximal phalanx of thumb' are hidden",
    )
    assert volume.spacing_mm == pytest.approx((0.3, 0.2, 0.1))
    with pytest.raises(InputError, match="share label values"):
        read_labels(path)


def write_image(path: Path, array: np.ndarray) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    return path


def test_values(tmp_path: Path) -> None:
    array = np.zeros((3, 4, 5), np.float32)
    array[0, 0, 0] = 38
    whole = read_labels(write_image(tmp_path / "a.nii.gz", array), TABLE)
    assert whole.array.dtype == np.uint8
    assert whole.array.max() == 38
    array[0, 0, 1] = 0.5
    with pytest.raises(InputError, match=r"b\.mha: found fractions in 1 voxel"):
        read_labels(write_image(tmp_path / "b.mha", array), TABLE)
    outside = np.zeros((3, 4, 5), np.int16)
    outside[0, 0, :3] = (40, -2, 300)
    path = write_image(tmp_path / "c.nrrd", outside)
    with pytest.raises(InputError, match=r"label values -2, 40, 300 were found, expected 0 to 38"):
        read_labels(path, TABLE)
    with pytest.raises(InputError, match="label values -2 were found"):
        read_labels(path)
    outside[0, 0, 1] = 0
    assert read_labels(write_image(path, outside)).array.dtype == np.uint16


def test_ignore_value(tmp_path: Path) -> None:
    table = LabelTable.from_names(["a", "b"])
    array = np.zeros((3, 4, 5), np.uint8)
    array[0, 0, :4] = (1, 2, 3, 7)
    path = write_image(tmp_path / "a.nrrd", array)
    with pytest.raises(InputError, match="label values 3, 7 were found, expected 0 to 2"):
        read_labels(path, table)
    with pytest.raises(InputError, match="label values 3 were found, expected 0 to 2"):
        read_labels(path, table, ignore_value=7)
    array[array == 3] = 0
    path = write_image(path, array)
    np.testing.assert_array_equal(read_labels(path, table, ignore_value=7).array, array)


def test_a_segment_named_ignore_gets_the_ignore_value(tmp_path: Path) -> None:
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0, 0, :2] = (1, 2)
    segments = [segment("b", 1), segment(" Ignore", 2)]
    path = write_slicer(tmp_path / "a.seg.nrrd", voxels, segments)
    names = LabelTable.from_names(["a", "b"])
    assert read_labels(path, names, ignore_value=3).array[:2, 0, 0].tolist() == [2, 3]
    with pytest.raises(InputError, match="segment 'Ignore' is not in the label table"):
        read_labels(path, names)
    named = LabelTable.from_names(["ignore", "b"])
    assert read_labels(path, named, ignore_value=3).array[:2, 0, 0].tolist() == [2, 1]


def test_segments_are_read_from_the_header_alone(tmp_path: Path) -> None:
    voxels = np.zeros((2, 3, 4, 5), np.uint8)
    segments = [segment("a", 1, layer=0), segment("b", 1, layer=1, code="23918")]
    path = write_slicer(tmp_path / "a.seg.nrrd", voxels, segments)
    found = read_segments(path)
    assert [(s.name, s.label_value, s.layer) for s in found] == [("a", 1, 0), ("b", 1, 1)]
    assert found[1].codes == (("FMA", "23918"),)
    assert read_segments(write_image(tmp_path / "b.nrrd", voxels[0])) == []
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=r"a\.seg\.nrrd: "):
        read_segments(path)


def test_a_foreign_segmentation_is_not_made_a_hand(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0, 0, 0] = 1
    for foreign in (segment("Liver", 1), segment("Segment_1", 1, code="7197")):
        write_slicer(path, voxels, [foreign])
        with pytest.raises(
            InputError, match=f"segment '{foreign['name']}' is not in the label table, expected"
        ):
            read_labels(path, TABLE)
    write_slicer(path, voxels, [segment("Liver", 1), segment("Segment_2", 2)])
    with pytest.raises(InputError, match="segment 'Liver' is not in the label table"):
        read_labels(path, TABLE)
    for name in ("Segment_1", "Segment 1", "label 1", "1", "Segment_1_1", ""):
        volume = read_labels(write_slicer(path, voxels, [segment(name, 1)]), TABLE)
        assert volume.array.max() == 1
        assert "no names of their own" in volume.remarks[0]


def test_names_from_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0, 0, :2] = (7, 3)
    segments = [segment("hippocampus", 7, code="275020"), segment("Mandelkörper 扁桃体", 3)]
    segments[0]["color"] = [1.0, 0.5, 0.0]
    table = read_embedded_label_table(write_ascii_slicer(path, voxels, segments))
    assert table is not None
    assert [s.name for s in table] == ["hippocampus", "Mandelkörper 扁桃体"]
    assert table[1].codes == {"FMA": "275020"}
    assert table[1].color_rgb == (255, 128, 0)
    assert read_labels(path, table).array[:2, 0, 0].tolist() == [1, 2]
    reverse = [segment("b", 2), segment("a", 1)]
    table = read_embedded_label_table(write_slicer(path, voxels, reverse))
    assert table is not None
    assert [s.name for s in table] == ["a", "b"]  # in the order of the values
    write_slicer(path, voxels, [segment("proximal phalanx of thumb", 1)])
    assert read_embedded_label_table(path) is TABLE
    assert read_embedded_label_table(write_slicer(path, voxels, [segment("Segment_1", 1)])) is None
    assert read_embedded_label_table(write_image(tmp_path / "a.nrrd", voxels)) is None
    twice = write_slicer(path, voxels, [segment("a", 1), segment("A ", 2)])
    with pytest.raises(InputError, match="several segments have the names a"):
        read_embedded_label_table(twice)


def write_ascii_slicer(path: Path, voxels: np.ndarray, segments: list[dict[str, Any]]) -> Path:
    """Write names as UTF-8, which slicerio does not."""
    names = {f"Name{index}": segment["name"] for index, segment in enumerate(segments)}
    plain = [segment | {"name": f"Name{index}"} for index, segment in enumerate(segments)]
    for entry in plain:
        entry["terminology"] = {
            key: [part if part.isascii() else "other" for part in value]
            for key, value in entry["terminology"].items()
        }
    write_slicer(path, voxels, plain)
    head, _, data = path.read_bytes().partition(b"\n\n")
    for plain_name, name in names.items():
        head = head.replace(f":={plain_name}".encode(), f":={name}".encode())
    path.write_bytes(head + b"\n\n" + data)
    return path


def test_segment_names_in_other_bytes_than_utf_8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    write_slicer(path, np.ones((3, 4, 5), np.uint8), [segment("Koerper", 1)])
    path.write_bytes(path.read_bytes().replace(b"Koerper", b"K\xf6rper"))
    with pytest.raises(InputError, match=r"the name of segment 0 is 'K.*rper', expected UTF-8"):
        read_labels(path)


def test_labels_with_a_spacing_of_the_users_own(tmp_path: Path) -> None:
    voxels = np.ones((3, 4, 5), np.uint8)
    for path in (
        write_slicer(tmp_path / "a.seg.nrrd", voxels, [segment("a", 1)]),
        write_image(tmp_path / "a.nii.gz", voxels),
    ):
        assert read_labels(path, spacing_mm=(0.5, 0.6, 0.7)).spacing_mm == (0.5, 0.6, 0.7)


def test_voxels_of_a_segmentation_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    labels = np.ones((2, 3, 4), np.uint8)
    write_labels(path, labels, Geometry.canonical((2, 3, 4), (1, 1, 1)), hand_label_table())
    header = path.read_bytes().split(b"\n\n")[0]
    header = header.replace(b"type: uint8", b"type: float").replace(b": gzip", b": raw")
    values = np.ones(24, "<f4")
    path.write_bytes(header + b"\n\n" + values.tobytes())
    assert read_labels(path).array.max() == 1
    values[3], values[5], values[9] = np.nan, np.inf, 1.4
    path.write_bytes(header + b"\n\n" + values.tobytes())
    with pytest.raises(InputError, match="found fractions in 3 voxels"):
        read_labels(path)
