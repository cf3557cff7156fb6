import math
from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from amcnet.errors import InputError
from amcnet.io import Geometry, same_grid

SIZE = (2, 3, 4)
SPACING = (0.1, 0.2, 0.3)
ORIGIN = (5.0, -6.0, 7.0)
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def stored_array() -> np.ndarray:
    return np.arange(24, dtype=np.uint8).reshape(SIZE[::-1])


def axis_directions() -> list[tuple[float, ...]]:
    """All 48 axis-aligned directions."""
    matrices = []
    for axes in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            for column, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
                matrix[axis, column] = sign
            matrices.append(tuple(matrix.ravel()))
    return matrices


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*angles)
    return np.array(transform.GetMatrix()).reshape(3, 3)


@pytest.mark.parametrize("direction", axis_directions())
def test_axis_aligned_agrees_with_simpleitk(direction: tuple[float, ...]) -> None:
    image = sitk.GetImageFromArray(stored_array())
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection(direction)
    expected = sitk.DICOMOrient(image, "LPS")
    geometry = Geometry.from_grid(SIZE, SPACING, ORIGIN, direction)
    array = geometry.to_canonical(stored_array())
    np.testing.assert_array_equal(array, sitk.GetArrayFromImage(expected))
    assert array.shape == geometry.canonical_shape
    assert geometry.canonical_spacing_mm == expected.GetSpacing()[::-1]
    origin, rows = geometry.canonical_grid()
    np.testing.assert_allclose(origin, expected.GetOrigin(), atol=1e-12)
    np.testing.assert_allclose(rows, np.eye(3)[::-1])
    np.testing.assert_array_equal(geometry.from_canonical(array), stored_array())


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(-math.pi, math.pi)] * 3), st.sampled_from(axis_directions()))
def test_any_direction_round_trips(
    angles: tuple[float, float, float], aligned: tuple[float, ...]
) -> None:
    direction = tuple((rotation(angles) @ np.array(aligned).reshape(3, 3)).ravel())
    geometry = Geometry.from_grid(SIZE, SPACING, ORIGIN, direction)
    assert sorted(geometry.order) == [0, 1, 2]
    array = geometry.to_canonical(stored_array())
    assert array.shape == geometry.canonical_shape
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(geometry.from_canonical(array), stored_array())
    _, rows = geometry.canonical_grid()
    assert np.trace(rows[::-1]) >= 1 - 1e-6  # never worse than one axis along its own


@pytest.mark.parametrize("angle", [math.pi / 4, -math.pi / 4, 3 * math.pi / 4])
def test_forty_five_degrees_is_assigned_once_each(angle: float) -> None:
    for turn in np.eye(3) * angle:
        direction = tuple(rotation((turn[0], turn[1], turn[2])).ravel())
        geometry = Geometry.from_grid(SIZE, SPACING, ORIGIN, direction)
        assert geometry.order == (0, 1, 2)


@pytest.mark.parametrize(
    ("axes", "order", "flipped"),
    [
        ("depth,lateral,scan", (0, 1, 2), (False, False, False)),
        (" -Depth, lateral ,- scan", (0, 1, 2), (True, False, True)),
        ("scan,depth,lateral", (2, 0, 1), (False, False, False)),
        ("scan,-depth,lateral", (2, 0, 1), (False, False, True)),
    ],
)
def test_axes_text_overrules_directions(
    axes: str, order: tuple[int, ...], flipped: tuple[bool, ...]
) -> None:
    direction = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    geometry = Geometry.from_grid(SIZE, SPACING, ORIGIN, direction, axes)
    assert geometry.order == order
    assert geometry.flipped == flipped
    array = geometry.to_canonical(stored_array())
    np.testing.assert_array_equal(geometry.from_canonical(array), stored_array())


@pytest.mark.parametrize(
    "axes", ["", "depth,lateral", "x,y,z", "depth,depth,scan", "depth,lateral,scan,scan", "--depth"]
)
def test_bad_axes_text(axes: str) -> None:
    with pytest.raises(InputError, match="expected 'auto' or depth, lateral and scan"):
        Geometry.from_grid(SIZE, SPACING, ORIGIN, IDENTITY, axes)


def test_bad_grids() -> None:
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="spacing is"):
            Geometry.from_grid(SIZE, (0.1, bad, 0.3), ORIGIN, IDENTITY)
    with pytest.raises(InputError, match="origin is"):
        Geometry.from_grid(SIZE, SPACING, (0.0, math.nan, 0.0), IDENTITY)
    for direction in ((math.nan,) * 9, (1.0, 0.5, 0, 0, 1.0, 0, 0, 0, 1.0), (0.0,) * 9):
        with pytest.raises(InputError, match="right angles"):
            Geometry.from_grid(SIZE, SPACING, ORIGIN, direction)


def test_wrong_shapes_name_both() -> None:
    geometry = Geometry.canonical((4, 3, 2), (0.3, 0.2, 0.1))
    assert geometry.size == SIZE
    with pytest.raises(InputError, match=r"\(1, 3, 2\), expected \(4, 3, 2\)"):
        geometry.to_canonical(np.zeros((1, 3, 2)))
    with pytest.raises(InputError, match=r"\(1, 3, 2\), expected \(4, 3, 2\)"):
        geometry.from_canonical(np.zeros((1, 3, 2)))


def test_same_grid_names_the_first_difference() -> None:
    first = Geometry.from_grid(SIZE, SPACING, ORIGIN, IDENTITY)
    nearly = Geometry.from_grid(SIZE, (0.1000001, 0.2, 0.3), (5.0001, -6.0, 7.0), IDENTITY)
    assert same_grid(first, nearly) is None
    others = {
        "size": Geometry.from_grid((2, 3, 5), SPACING, ORIGIN, IDENTITY),
        "spacing": Geometry.from_grid(SIZE, (0.1, 0.25, 0.3), ORIGIN, IDENTITY),
        "direction": Geometry.from_grid(
            SIZE, SPACING, ORIGIN, tuple(rotation((0.1, 0.0, 0.0)).ravel())
        ),
        "origin": Geometry.from_grid(SIZE, SPACING, (5.0, -6.0, 8.0), IDENTITY),
    }
    for word, other in others.items():
        text = same_grid(first, other)
        assert text is not None
        assert text.startswith(word)
        assert " against " in text
    assert same_grid(first, others["spacing"]) == (
        "spacing (0.3, 0.2, 0.1) against (0.3, 0.25, 0.1) mm"
    )


def test_same_grid_does_not_mind_how_it_is_stored() -> None:
    image = sitk.GetImageFromArray(stored_array())
    image.SetSpacing(SPACING)
    turned = sitk.DICOMOrient(image, "SAR")
    a, b = (
        Geometry.from_grid(i.GetSize(), i.GetSpacing(), i.GetOrigin(), i.GetDirection())
        for i in (image, turned)
    )
    assert a.size != b.size
    assert same_grid(a, b) is None


@pytest.mark.parametrize(
    "axes", ["depth,lateral,scan", "-scan,depth,-lateral", "lateral,-depth,scan"]
)
def test_the_meaning_of_the_axes_goes_there_and_back(axes: str) -> None:
    identity = tuple(np.eye(3).ravel())
    geometry = Geometry.from_grid((4, 5, 6), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), identity, axes)
    assert geometry.axes == axes


def test_the_origins_of_a_mismatch_are_those_of_the_files() -> None:
    mirrored = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    first = Geometry.from_grid(SIZE, SPACING, (5.0, -6.0, 7.0), mirrored)
    second = Geometry.from_grid(SIZE, SPACING, (5.0, -6.0, 9.0), mirrored)
    assert same_grid(first, second) == "origin (5, -6, 7) against (5, -6, 9) mm"
    other = Geometry.from_grid(SIZE, SPACING, (5.0, -6.0, 7.0), IDENTITY)
    assert same_grid(first, other) == (
        "first corner in canonical axes (4.9, -6, 7) against (5, -6, 7) mm"
    )


def test_another_voxel_size_keeps_the_axes() -> None:
    turned = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    geometry = Geometry.from_grid(SIZE, SPACING, ORIGIN, turned).with_spacing((0.7, 0.8, 0.9))
    assert geometry.canonical_spacing_mm == (0.7, 0.8, 0.9)
    assert geometry.direction == turned
    assert sorted(geometry.spacing_mm) == [0.7, 0.8, 0.9]
