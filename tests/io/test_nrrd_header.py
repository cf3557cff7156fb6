"""NRRD headers that promise more than there is, and fields that are no text."""

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import hand_label_table
from amcnet.errors import InputError, NotEnoughMemoryError
from amcnet.io import Geometry, read_labels, read_volume, write_labels


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ["hand.nrrd", "hand.nhdr"])
def test_more_voxels_than_the_file_can_hold(tmp_path: Path, compress: bool, name: str) -> None:
    path = tmp_path / name
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 9, (5, 6, 7), np.uint16))
    sitk.WriteImage(image, str(path), compress)
    content = path.read_bytes()
    for sizes in (b"70 60 500", b"9999999999 9999999999 9999999999"):
        path.write_bytes(content.replace(b"sizes: 7 6 5", b"sizes: " + sizes))
        with pytest.raises(InputError, match="the file is truncated or damaged, found") as caught:
            read_volume(path)
        assert not isinstance(caught.value, NotEnoughMemoryError)
    for sizes in (b"7 6 0", b"7 -6 5", b"7 6 x", b""):
        path.write_bytes(content.replace(b"sizes: 7 6 5", b"sizes: " + sizes))
        with pytest.raises(InputError, match=r"sizes are '.*', expected positive numbers"):
            read_volume(path)


@pytest.mark.parametrize("lie", [b"(1,0,0)!", b"(1,0,0) (", b"(1,0,0", b"(1,0)", b"1,0,0)"])
def test_axes_that_are_no_numbers(tmp_path: Path, lie: bytes) -> None:
    path = tmp_path / "hand.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((5, 6, 7), np.uint8)), str(path))
    content = path.read_bytes()
    assert content.count(b"(1,0,0)") == 1
    path.write_bytes(content.replace(b"(1,0,0)", lie))
    with pytest.raises(InputError, match="hand"):
        read_volume(path)


def test_zeros_compress_as_far_as_they_can(tmp_path: Path) -> None:
    path = tmp_path / "hand.nrrd"
    image = sitk.GetImageFromArray(np.zeros((300, 300, 300), np.uint8))
    sitk.WriteImage(image, str(path), True, 9)
    assert path.stat().st_size < 300**3 / 900
    assert read_volume(path).array.shape == (300, 300, 300)


def test_a_segment_field_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "hand.seg.nrrd"
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[2, 2, 2] = 3
    write_labels(path, labels, Geometry.canonical((5, 6, 7), (1, 1, 1)), hand_label_table())
    content = path.read_bytes()
    for found, lie in (
        (b"Segment7_Name:", b"Segment7_N\xe4me:"),
        (b"Segment7_Name:", b"Segment\xb2_Name:"),
        (b"Segment7_ID:=Seg", b"Segment7_ID:=\xff\xfe"),
    ):
        assert content.count(found) == 1
        path.write_bytes(content.replace(found, lie))
        np.testing.assert_array_equal(read_labels(path, hand_label_table()).array, labels)


VOXELS = np.arange(120, dtype=np.uint8).reshape(4, 5, 6)  # z, y, x


def nrrd_file(path: Path, *lines: str, data: bytes | None = None, sizes: str = "6 5 4") -> Path:
    header = ["NRRD0005", "type: uint8", f"dimension: {len(sizes.split())}", f"sizes: {sizes}"]
    if not any(line.startswith("encoding") for line in lines):
        header.append("encoding: raw")
    content = "\n".join([*header, *lines]) + "\n\n"
    path.write_bytes(content.encode() + (VOXELS.tobytes() if data is None else data))
    return path


DIRECTIONS = "space directions: (.2,0,0) (0,.3,0) (0,0,.4)"


@pytest.mark.parametrize(
    ("lines", "spacing_mm"),
    [
        ([DIRECTIONS], (0.4, 0.3, 0.2)),
        (["space: LPS", 'space units: "mm" "mm" "mm"', DIRECTIONS], (0.4, 0.3, 0.2)),
        (["space: LPS", 'space units: "cm" "cm" "cm"', DIRECTIONS], (4, 3, 2)),
        (["space: LPS", 'space units: "m" "m" "m"', DIRECTIONS], (400, 300, 200)),
        (["space: LPS", "space units: um um um", DIRECTIONS], (4e-4, 3e-4, 2e-4)),
        (
            ["space: LPS", 'space units: "µm" "microns" "micrometer"', DIRECTIONS],
            (4e-4, 3e-4, 2e-4),
        ),
        (["spacings: .2 .3 .4"], (0.4, 0.3, 0.2)),
        (["spacings: .2 .3 .4", 'units: "cm" "cm" "cm"'], (4, 3, 2)),
        (["spacings: .2 .3 .4", 'space units: "cm" "cm" "cm"', "space: LPS"], (4, 3, 2)),
        (["spacings: .2 .3 .4", DIRECTIONS], (0.4, 0.3, 0.2)),
        (["spacings: nan nan nan", DIRECTIONS], (0.4, 0.3, 0.2)),
        ([DIRECTIONS, 'units: "mm" "mm" "mm"'], (0.4, 0.3, 0.2)),
        ([DIRECTIONS, 'space: LPS', 'units: "cm" "cm" "cm"', 'space units: "cm" "cm" "cm"'],
         (4, 3, 2)),
        (["spacedirections: (.2,0,0) (0,.3,0) (0,0,.4)", 'spaceunits: "cm" "cm" "cm"'], (4, 3, 2)),
    ],
)  # fmt: skip
def test_units_of_space(tmp_path: Path, lines: list[str], spacing_mm: tuple[float, ...]) -> None:
    volume = read_volume(nrrd_file(tmp_path / "a.nrrd", *lines))
    assert volume.spacing_mm == pytest.approx(spacing_mm)
    np.testing.assert_array_equal(volume.array, VOXELS)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["space: LPS", 'space units: "px" "px" "px"', DIRECTIONS], 'space units are "px"'),
        (["spacings: 1 1 1", DIRECTIONS], "spacings are 1 x 1 x 1 mm but space directions are 0.2"),
        (["space: 3D-left-handed", DIRECTIONS], "space is '3D-left-handed', expected left-post"),
        (["space: MNI", DIRECTIONS], "space is 'MNI'"),
        ([DIRECTIONS, "encoding: hex"], "encoding is 'hex', expected raw, gzip"),
        ([DIRECTIONS, "kinds: domain domain complex"], "voxels are complex numbers"),
        (["space directions: (.2,0,0) (0,.3,0) none", "kinds: domain domain list"],
         "is a sequence of 4 tracked frames, expected a reconstructed volume"),
        (["spacings: .2 .3 nan", "kinds: domain domain time"], "is a sequence of 4 tracked frames"),
        ([DIRECTIONS, "kinds: domain domain list"], "is a sequence of 4 tracked frames"),
        ([DIRECTIONS, *(f"Seq_Frame{i:04}_ProbeToTrackerTransform:=1 0 0" for i in range(4))],
         "is a sequence of 4 tracked frames"),
        ([DIRECTIONS, "space origin: (0,x,0)"], "space origin is '(0,x,0)', expected a vector"),
        ([DIRECTIONS, "space origin: (1,2)"], "space origin is '(1,2)', expected a vector"),
        ([DIRECTIONS, "space origin: none"], "space origin is 'none', expected a vector"),
        ([DIRECTIONS, 'units: "cm" "cm" "cm"'],
         'units are "cm" "cm" "cm" but space units are not stated, which means mm, expected'),
        ([DIRECTIONS, 'units: "cm" "cm" "cm"', 'space units: "mm" "mm" "mm"'],
         'units are "cm" "cm" "cm" but space units are "mm" "mm" "mm", expected the same'),
        (["spacings: nan nan 3", DIRECTIONS], "but space directions are 0.2 x 0.3 x 0.4 mm long"),
        ([DIRECTIONS, "axis mins: 5 6 7"],
         "axis mins are '5 6 7' beside space directions '(.2,0,0) (0,.3,0) (0,0,.4)', expec"),
        (["spacings: .2 .3 .4", "space: LPS", "space origin: (1,2,3)", "axismins: 5 6 7"],
         "axis mins are '5 6 7' beside space origin '(1,2,3)', expected one of the two"),
        (["spacings: .2 .3 .4", "axis mins: 5 6 7", "centers: node node"],
         "centerings are 'node node', expected 3"),
        (["space directions: (.2,0,0) (.02,.3,0) (0,0,.4)"],
         "axes x and y meet at 86.186 degrees (a sheared grid)"),
        ([DIRECTIONS, "byte skip: 1000"], "the file is truncated"),
        ([DIRECTIONS, "byte skip: -1", "encoding: gzip"], "expected it only with raw voxels"),
        ([DIRECTIONS, "line skip: 99999999999", "encoding: gzip"], "expected at most 1048576"),
        ([DIRECTIONS, DIRECTIONS], "the field 'space directions' twice"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_volume(nrrd_file(tmp_path / "a.nrrd", *lines))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'a.nrrd'}: ")


def test_four_dimensions(tmp_path: Path) -> None:
    none = "space directions: (.2,0,0) (0,.3,0) (0,0,.4) none"
    path = nrrd_file(tmp_path / "a.nrrd", none, "kinds: domain domain domain list", sizes="6 5 2 2")
    with pytest.raises(InputError, match="is a sequence of 2 volumes, expected a reconstructed"):
        read_volume(path)
    path = nrrd_file(tmp_path / "a.nrrd", none, "kinds: domain domain domain list", sizes="6 5 4 1")
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


@pytest.mark.parametrize("space", ["left-posterior-superior", "RAS", "left-anterior-superior"])
def test_spaces_agree_with_simpleitk(tmp_path: Path, space: str) -> None:
    path = nrrd_file(
        tmp_path / "a.nrrd",
        f"space: {space}",
        "space directions: (0,.2,0) (0,0,-.3) (.4,0,0)",
        "space origin: (1,2,3)",
    )
    image, geometry = sitk.ReadImage(str(path)), read_volume(path).geometry
    assert geometry.spacing_mm == pytest.approx(image.GetSpacing())
    assert geometry.origin_mm == pytest.approx(image.GetOrigin())
    assert geometry.direction == pytest.approx(image.GetDirection())


def test_a_space_of_no_patient_is_taken_for_lps_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = nrrd_file(tmp_path / "a.nrrd", "space: scanner-xyz", DIRECTIONS)
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)
    assert "space is 'scanner-xyz'" in caplog.text


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("skip", [(0, 0), (3, 0), (0, 2), (2, 5)])
def test_encodings_and_skips(tmp_path: Path, encoding: str, skip: tuple[int, int]) -> None:
    lines, num_bytes = skip
    if encoding == "ascii":
        num_bytes = 0
    inner = b"x" * num_bytes + VOXELS.tobytes()
    packed = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}.get(encoding)
    if packed is None:
        data = b"\n".join(b" ".join(b"%d" % v for v in row) for row in VOXELS.reshape(20, 6))
    else:
        data = packed(inner)
    path = nrrd_file(
        tmp_path / "a.nhdr",
        DIRECTIONS,
        f"encoding: {encoding}",
        f"line skip: {lines}",
        f"byte skip: {num_bytes}",
        "data file: a.data",
        data=b"",
    )
    (tmp_path / "a.data").write_bytes(b"a line\n" * lines + data)
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


def test_the_voxels_at_the_end_of_a_file(tmp_path: Path) -> None:
    path = nrrd_file(tmp_path / "a.nhdr", DIRECTIONS, "byte skip: -1", "data file: a.b", data=b"")
    (tmp_path / "a.b").write_bytes(b"some header" + VOXELS.tobytes())
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


@pytest.mark.parametrize("how", ["LIST\n{0}1.raw\n{0}2.raw", "{0}%d.raw 1 2 1"])
def test_voxels_in_several_files(tmp_path: Path, how: str) -> None:
    path = nrrd_file(tmp_path / "a.nhdr", DIRECTIONS, "data file: " + how.format("s"), data=b"")
    for index, half in enumerate(np.split(VOXELS, 2), start=1):
        (tmp_path / f"s{index}.raw").write_bytes(half.tobytes())
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


@pytest.mark.parametrize("name", ["Fräulein 手.raw", "a:b"])
def test_names_beyond_ascii(tmp_path: Path, name: str) -> None:
    path = nrrd_file(tmp_path / "ä.nhdr", DIRECTIONS, f"data file: {name}", data=b"")
    if ":" in name:  # another stream of a file on Windows
        with pytest.raises(InputError, match="expected a plain file name"):
            read_volume(path)
        return
    (tmp_path / name).write_bytes(VOXELS.tobytes())
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)
    latin = path.read_bytes().replace("ä".encode(), b"\xe4").replace("手".encode(), b"\xff")
    path.write_bytes(latin)
    with pytest.raises(InputError, match="expected UTF-8 text"):
        read_volume(path)


def test_free_fields_may_hold_anything(tmp_path: Path) -> None:
    path = nrrd_file(tmp_path / "a.nrrd", DIRECTIONS, "patient:=Müller", "content: Körper")
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)
    content = path.read_bytes()
    for text in ("Müller", "Körper"):
        content = content.replace(text.encode(), text.encode("latin-1"))
    path.write_bytes(content)
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


@pytest.mark.parametrize("name", ["axis mins", "axismins"])
def test_positions_have_the_units_of_their_field(tmp_path: Path, name: str) -> None:
    spacings = "spacings: .2 .3 .4"
    lines = [spacings, 'units: "cm" "cm" "cm"', f"{name}: 1 2 3", "centerings: node node node"]
    geometry = read_volume(nrrd_file(tmp_path / "a.nrrd", *lines)).geometry
    assert geometry.origin_mm == pytest.approx((10, 20, 30))
    lines = [spacings, 'units: "mm" "mm" "mm"', "space: RAS", 'space units: "cm" "cm" "cm"']
    volume = read_volume(nrrd_file(tmp_path / "a.nrrd", *lines, "spaceorigin: (1,2,3)"))
    assert volume.geometry.origin_mm == pytest.approx((-10, -20, 30))
    assert volume.spacing_mm == pytest.approx((0.4, 0.3, 0.2))


def test_a_header_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = nrrd_file(tmp_path / "a.nhdr", DIRECTIONS, "data file: a.raw", data=b"")
    (tmp_path / "a.raw").write_bytes(VOXELS.tobytes())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


def test_a_spacing_of_the_users_own(tmp_path: Path) -> None:
    for lines in ([], ["spacings: 1 1 1"], [DIRECTIONS, "spacings: 1 1 1"], ["spacings: nan 1 0"]):
        volume = read_volume(nrrd_file(tmp_path / "a.nrrd", *lines), spacing_mm=(0.5, 0.6, 0.7))
        assert volume.spacing_mm == (0.5, 0.6, 0.7)
        np.testing.assert_array_equal(volume.array, VOXELS)
    with pytest.raises(InputError, match="expected positive finite"):
        read_volume(tmp_path / "a.nrrd", spacing_mm=(0.5, 0, 0.7))


@pytest.mark.parametrize("centering", ["cell", "node"])
def test_axis_mins_say_where_the_first_voxel_lies(tmp_path: Path, centering: str) -> None:
    mins = np.array([5.0, -3.0, 2.0])
    spacing, sizes = np.array([0.5, 0.25, 2.0]), np.array([4, 3, 2])
    maxs = mins + spacing * (sizes if centering == "cell" else sizes - 1)
    path = tmp_path / "a.nrrd"

    def write(maxs: np.ndarray) -> None:
        fields = {
            "type": "uint8",
            "dimension": "3",
            "sizes": "4 3 2",
            "spacings": "0.5 0.25 2",
            "axis mins": " ".join(map(str, mins)),
            "axis maxs": " ".join(map(str, maxs)),
            "centerings": " ".join([centering] * 3),
            "encoding": "raw",
        }
        header = "".join(f"{name}: {text}\n" for name, text in fields.items())
        path.write_bytes(f"NRRD0004\n{header}\n".encode() + bytes(24))

    write(maxs)
    assert read_volume(path).geometry.origin_mm == pytest.approx(
        mins + (spacing / 2 if centering == "cell" else 0)
    )
    assert read_volume(path).geometry.origin_mm == pytest.approx(
        sitk.ReadImage(str(path)).GetOrigin()
    )
    write(maxs * 2)
    with pytest.raises(InputError, match=r"spacings are 0\.5 x 0\.25 x 2 but axis mins and maxs"):
        read_volume(path)


@pytest.mark.parametrize("kind", ["list", "covariant-vector", "HSV-color"])
def test_channels_of_other_kinds_are_no_colours(tmp_path: Path, kind: str) -> None:
    header = (
        "NRRD0004\ntype: uint8\ndimension: 4\nspace: left-posterior-superior\nsizes: 3 2 2 2\n"
        f"space directions: none (1,0,0) (0,1,0) (0,0,1)\nkinds: {kind} domain domain domain\n"
        "encoding: raw\n\n"
    )
    path = tmp_path / "a.nrrd"
    path.write_bytes(header.encode() + bytes(range(24)))
    with pytest.raises(InputError, match="3 different channels, expected a grey image"):
        read_volume(path)
    path.write_bytes(header.replace(kind, "RGB-color").encode() + bytes(range(24)))
    assert read_volume(path).array.shape == (2, 2, 2)
