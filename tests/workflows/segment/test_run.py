import logging
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amcnet.errors import TRACEBACK_VARIABLE, ModelError
from amcnet.inference import Segmenter, Stage
from amcnet.inference.probabilities import read_probabilities
from amcnet.io import Geometry, read_labels, read_volume, reading_options, write_image
from amcnet.workflows.segment.options import Job, SegmentOptions, probabilities_path
from amcnet.workflows.segment.progress_display import VolumeEvent
from amcnet.workflows.segment.run import segment_files

SHAPE, SPACING_MM = (24, 40, 36), (0.5, 0.8, 0.6)


@pytest.fixture
def options(small_bundle: Path) -> SegmentOptions:
    # Axes that are said are not searched where there is no hand, as in noise.
    return SegmentOptions(models=(str(small_bundle),), axes="depth,lateral,scan")


@pytest.fixture
def work(speckle: np.ndarray, tmp_path: Path) -> list[Job]:
    for number in range(3):
        image = np.roll(speckle, 3 * number, axis=1)
        write_image(tmp_path / f"v{number}.nrrd", image, Geometry.canonical(SHAPE, SPACING_MM))
    return [Job(tmp_path / f"v{n}.nrrd", tmp_path / f"v{n}.seg.nrrd") for n in range(3)]


def test_same_as_one_by_one(options: SegmentOptions, work: list[Job]) -> None:
    seen: list[VolumeEvent] = []
    outcomes = list(segment_files(work, options, seen.append))
    assert [outcome.source for outcome in outcomes] == [job.source for job in work]
    segmenter = Segmenter(options.models)
    for outcome, job in zip(outcomes, work, strict=True):
        result = outcome.result
        assert result is not None
        alone = segmenter(read_volume(job.source))
        np.testing.assert_array_equal(read_labels(job.target).array, alone.labels)
        assert (outcome.error, result.wanted, result.notice) == (None, 38, "Untrained.")
        assert result.found == len(np.unique(alone.labels)) - 1
        assert (result.output, result.axes) == (job.target, "depth,lateral,scan")
    labelled = [event for event in seen if event.stage is Stage.LABELLING]
    assert [(e.number, e.done, e.total) for e in labelled] == [
        (number, done, 24) for number in (1, 2, 3) for done in range(1, 25)
    ]
    assert {(event.volumes, event.source) for event in labelled} == {(3, j.source) for j in work}
    stages = list(dict.fromkeys(event.stage for event in seen if event.number == 2))
    assert stages == [
        Stage.READING,
        Stage.NETWORK,
        Stage.LABELLING,
        Stage.CLEANING_UP,
        Stage.CHECKING,
        Stage.WRITING,
    ]


def test_one_is_read_ahead_and_no_more(
    options: SegmentOptions, work: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    ahead = threading.Event()

    def note(path: Path, *rest: object) -> object:
        read.append(path.name)
        if path.name == "v1.nrrd":
            ahead.set()
        return read_volume(path, *rest)

    during: dict[str, list[str]] = {}

    def progress(event: VolumeEvent) -> None:
        if event.stage is Stage.LABELLING:
            assert ahead.wait(20)  # while the first one is segmented, the second one is read
            during[event.source.name] = list(read)

    monkeypatch.setattr(reading_options, "read_volume", note)
    assert all(outcome.error is None for outcome in segment_files(work, options, progress))
    assert during["v0.nrrd"] == ["v0.nrrd", "v1.nrrd"]
    assert read == ["v0.nrrd", "v1.nrrd", "v2.nrrd"]


def test_probabilities_lie_beside_the_labels(options: SegmentOptions, work: list[Job]) -> None:
    options = replace(options, probabilities=True, overwrite=True, quality="fast")
    jobs_ = [work[0], Job(work[1].source, work[1].target.with_name("other.nii.gz"))]
    assert [outcome.error for outcome in segment_files(jobs_, options)] == [None, None]
    for job, name in zip(jobs_, ("v0", "other"), strict=True):
        path = job.target.with_name(f"{name}.probabilities.npy")
        assert probabilities_path(job) == path
        assert read_probabilities(path).geometry == read_volume(job.source).geometry


def test_too_little_memory_is_a_failure_of_the_volume(
    options: SegmentOptions, work: list[Job]
) -> None:
    (outcome,) = segment_files(work[:1], replace(options, memory_gb=0.01))
    assert "v0.nrrd: a volume of 24 x 40 x 36 voxels needs" in str(outcome.error)


def test_failures_do_not_stop_the_others(
    options: SegmentOptions, work: list[Job], caplog: pytest.LogCaptureFixture
) -> None:
    work[0].source.write_bytes(b"no image")
    work[2].target.write_bytes(b"mine")
    outcomes = list(segment_files(work, options))
    errors = [outcome.error or "" for outcome in outcomes]
    assert errors[0].startswith(f"{work[0].source}: ")
    assert errors[1] == ""
    assert errors[2] == f"{work[2].target}: already exists, use --overwrite to replace it"
    assert not work[0].target.exists()
    assert work[1].target.exists()
    assert work[2].target.read_bytes() == b"mine"
    assert not caplog.records
    outcomes = list(segment_files(work[2:], replace(options, overwrite=True)))
    assert outcomes[0].error is None


@pytest.mark.parametrize(
    ("error", "sentence", "logged"),
    [
        (MemoryError(), "there is not enough memory for it", 0),
        (RuntimeError("Exception from somewhere.cpp:3:\nno kernel"), "RuntimeError: no kernel", 1),
        (KeyError("x"), "KeyError: 'x'", 1),
        (OSError(28, "No space left on device"), "No space left on device", 0),
    ],
)
def test_unforeseen_errors_are_told_and_logged(
    options: SegmentOptions,
    work: list[Job],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    sentence: str,
    logged: int,
) -> None:
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")

    def progress(event: VolumeEvent) -> None:
        if event.number == 1 and event.stage is Stage.LABELLING:
            raise error

    first, second = segment_files(work[:2], options, progress)
    assert first.error == f"{work[0].source}: {sentence}"
    assert second.error is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * logged
    assert all(record.exc_info is not None for record in caplog.records)


def test_what_is_left_early_stops(options: SegmentOptions, work: list[Job]) -> None:
    slices: list[int] = []

    def progress(event: VolumeEvent) -> None:
        if event.stage is Stage.LABELLING:
            slices.append(event.done)

    outcomes = segment_files(work, options, progress)
    next(outcomes)
    outcomes.close()
    assert len(slices) == 24
    assert work[0].target.exists()
    assert not work[1].target.exists()


def test_damaged_model_ends_the_run(work: list[Job], tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        next(segment_files(work, SegmentOptions(models=(str(tmp_path / "none"),))))


def test_masks_of_some_structures(options: SegmentOptions, work: list[Job]) -> None:
    options = replace(options, only=("thumb",))
    assert next(segment_files(work[:1], options)).result.wanted == 6
    folder = work[0].target.with_name("masks")
    masks = replace(options, separate=True, extension=".nrrd")
    outcome = next(segment_files([replace(work[0], target=folder)], masks))
    assert outcome.result.found == len(list(folder.iterdir()))
    found = np.unique(read_labels(work[0].target).array)
    assert outcome.result.found == len(found) - 1
