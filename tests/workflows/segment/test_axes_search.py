"""Which way a hand lies, found by the bundled model on phantoms that are stored otherwise."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.inference import Segmenter
from amcnet.io import Geometry, Reading, volume_from_array, write_image
from amcnet.io.geometry import Triple
from amcnet.phantom import PhantomConfig, make_phantom
from amcnet.phantom.grids import HALF_GRID
from amcnet.workflows.segment.axes_search import (
    AxesFound,
    Order,
    Storage,
    extents_of,
    likely_storages,
    search_axes,
    turned,
)
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.run import segment_files
from amcnet.workflows.segment.segment_volume import segment

SEED = 800_001


@pytest.fixture(scope="module")
def hand() -> tuple[np.ndarray, tuple[float, float, float]]:
    """A phantom at about the network's spacing, (scan, lateral, depth)."""
    phantom = make_phantom(SEED)
    steps = (3, 3, 4)
    image = np.ascontiguousarray(phantom.image[:: steps[0], :: steps[1], :: steps[2]])
    scan, lateral, depth = (mm * step for mm, step in zip(phantom.spacing_mm, steps, strict=True))
    return image, (scan, lateral, depth)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(quality="fast")


def stored_as(hand: tuple, axes: str) -> sitk.Image:
    """Return an image with an identity direction whose x, y and z mean what ``axes`` says."""
    array, spacing_mm = hand
    size = dict(zip(("scan", "lateral", "depth"), array.shape, strict=True))
    mm = dict(zip(("scan", "lateral", "depth"), spacing_mm, strict=True))
    names = [name.removeprefix("-") for name in axes.split(",")]
    geometry = Geometry.from_grid(
        tuple(size[name] for name in names),
        tuple(mm[name] for name in names),
        (0.0, 0.0, 0.0),
        tuple(np.eye(3).ravel()),
        axes,
    )
    image = sitk.GetImageFromArray(geometry.from_canonical(array))
    image.SetSpacing(geometry.spacing_mm)
    return image


def found_in(segmenter: Segmenter, image: sitk.Image) -> AxesFound:
    return search_axes(segmenter.read(image, None, Reading()), segmenter)


@pytest.mark.parametrize(
    "axes",
    ["depth,lateral,scan", "-depth,lateral,scan", "lateral,depth,scan", "scan,-depth,lateral"],
)
def test_the_storage_is_found(segmenter: Segmenter, hand: tuple, axes: str) -> None:
    found = found_in(segmenter, stored_as(hand, axes))
    assert found.is_hand
    # Reversing scan or lateral is the same hand, mirrored: depth and the order must be right.
    order = [name.removeprefix("-") for name in axes.split(",")]
    assert [name.removeprefix("-") for name in found.axes.split(",")] == order
    assert ("-depth" in found.axes) == ("-depth" in axes)


def test_a_scan_from_the_wrist_is_a_hand(hand: tuple) -> None:
    """With a model that knows both directions at once, with one that does not after a search."""
    image = stored_as(hand, "depth,lateral,-scan")
    result = segment(image, quality="fast")
    assert len(result.confidence) >= 35
    assert np.mean(list(result.confidence.values())) > 0.8


@pytest.mark.slow
def test_a_small_hand_from_the_wrist_is_found(segmenter: Segmenter) -> None:
    """On a grid coarser than the network's, this hand is lost."""
    phantom = make_phantom(830_000)
    backwards = np.ascontiguousarray(phantom.image[::-2, ::2, ::2])
    scan, lateral, depth = (2 * mm for mm in phantom.spacing_mm)
    volume = volume_from_array(backwards, (scan, lateral, depth))
    found = search_axes(segmenter.prepare([volume]), segmenter)
    assert found.is_hand
    assert found.axes == "depth,lateral,-scan"


@pytest.mark.slow
def test_labels_of_low_confidence_start_a_search(caplog: pytest.LogCaptureFixture) -> None:
    """The check takes the labels of this hand from the wrist for a hand, with errors."""
    phantom = make_phantom(830_001, PhantomConfig(HALF_GRID, "complete"))
    image = stored_as((phantom.image, phantom.spacing_mm), "depth,lateral,-scan")
    with caplog.at_level("WARNING"):
        segment(image)
    assert "found axes='depth,lateral,-scan'" in caplog.text


@pytest.mark.parametrize("axes", ["auto", "search"])
def test_reversed_depth_in_files(hand: tuple, tmp_path: Path, axes: str) -> None:
    source = tmp_path / "scan.nii.gz"
    sitk.WriteImage(stored_as(hand, "-depth,lateral,scan"), str(source))
    notes = []
    options = SegmentOptions(quality="fast", axes=axes)
    (outcome,) = segment_files(
        [Job(source, tmp_path / "out.nii.gz")],
        options,
        lambda event: notes.append(event.note) if event.note else None,
    )
    result = outcome.result
    assert result is not None
    assert (result.verdict, result.axes.split(",")[0]) != ("bad", "depth")
    assert result.axes.startswith("-depth,lateral,")
    assert f"--axes={result.axes}" in notes[-1]
    assert notes[-1] == result.notes[-1]
    # What was reported gives the same labels without a search.
    (again,) = segment_files(
        [Job(source, tmp_path / "again.nii.gz")], replace(options, axes=result.axes)
    )
    assert again.result is not None
    assert not again.result.notes
    first, second = (sitk.ReadImage(str(tmp_path / f"{n}.nii.gz")) for n in ("out", "again"))
    assert np.array_equal(sitk.GetArrayFromImage(first), sitk.GetArrayFromImage(second))


@pytest.mark.parametrize("code", ["LPS", "RAS", "ASR", "PIR"])
def test_nifti_of_any_orientation_needs_no_search(
    segmenter: Segmenter, hand: tuple, tmp_path: Path, code: str
) -> None:
    image = sitk.DICOMOrient(stored_as(hand, "depth,lateral,scan"), code)
    sitk.WriteImage(image, str(tmp_path / "scan.nii.gz"))
    result = segmenter(tmp_path / "scan.nii.gz")
    expected = segmenter(volume_from_array(*hand))
    assert np.mean(result.labels == expected.labels) > 0.999


def test_inverted_intensities_and_spacing_have_their_own_remedy(
    hand: tuple, tmp_path: Path
) -> None:
    array, _ = hand
    cases = {
        "inverted": (255 - array, hand[1], "inverted"),
        "metres": (array, tuple(mm / 1000 for mm in hand[1]), "looks like m instead of mm"),
    }
    for name, (image, spacing_mm, words) in cases.items():
        source = tmp_path / f"{name}.nrrd"
        write_image(source, image, Geometry.canonical(image.shape, spacing_mm))
        options = SegmentOptions(quality="fast", axes="depth,lateral,scan", measure=True)
        (outcome,) = segment_files([Job(source, tmp_path / f"{name}.mha")], options)
        if outcome.result is None:
            assert words in str(outcome.error) or "mm" in str(outcome.error)
            continue
        assert words in outcome.result.remark
        findings = outcome.result.details["findings"]
        assert any(words in finding["message"] for finding in findings)


def extents(extents_mm: Triple) -> Callable[[Order], Triple]:
    return lambda order: (extents_mm[order[0]], extents_mm[order[1]], extents_mm[order[2]])


def test_a_given_voxel_size_belongs_to_what_the_axes_mean() -> None:
    """Stored as x, y, z = lateral, scan, depth, without a voxel size."""
    stored = Geometry.from_grid(
        (1023, 609, 512), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel())
    )
    given_mm = (0.279, 0.130, 0.088)
    first = next(
        likely_storages(
            lambda order: extents_of(turned(stored, Storage(order, (False,) * 3), given_mm))
        )
    )
    geometry = turned(stored, first, given_mm)
    assert geometry.axes == "lateral,scan,depth"
    assert extents_of(geometry) == pytest.approx((609 * 0.279, 1023 * 0.130, 512 * 0.088))
    assert geometry.spacing_mm == (0.130, 0.279, 0.088)


def test_what_is_likely_comes_first() -> None:
    flat = list(likely_storages(extents((170.0, 130.0, 45.0))))
    assert {storage.order[2] for storage in flat} == {2}
    assert len(flat) == 8
    assert len(list(likely_storages(extents((100.0, 100.0, 100.0))))) == 24
    assert next(likely_storages(extents((45.0, 170.0, 130.0)))).order == (1, 2, 0)


def test_turning_a_geometry_is_what_the_file_says() -> None:
    base = Geometry.canonical((6, 5, 4), (3.0, 2.0, 1.0))
    for storage in likely_storages(extents((1.0, 1.0, 1.0))):
        geometry = turned(base, storage)
        said = Geometry.from_grid(
            base.size, base.spacing_mm, base.origin_mm, base.direction, geometry.axes
        )
        assert geometry == said


@pytest.mark.slow
def test_all_storages_take_15_seconds(segmenter: Segmenter) -> None:
    """On two free cores, in the worst case: nothing is found."""
    noise = np.random.default_rng(0).integers(0, 255, (203, 153, 51)).astype(np.uint8)
    prepared = segmenter.prepare([volume_from_array(noise, (0.837, 0.867, 0.88))])
    search_axes(prepared, segmenter)  # compiles
    start = time.perf_counter()
    assert not search_axes(prepared, segmenter).is_hand
    assert time.perf_counter() - start < 15
