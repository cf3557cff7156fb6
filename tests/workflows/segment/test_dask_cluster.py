import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amcnet.errors import ConfigError
from amcnet.io import Geometry, read_labels, write_image
from amcnet.workflows.outcome import Outcome
from amcnet.workflows.segment import dask_cluster
from amcnet.workflows.segment.dask_cluster import PlaceInRun, segment_files_on_cluster
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.progress_display import VolumeEvent
from amcnet.workflows.segment.result import SegmentedFile
from amcnet.workflows.segment.run import segment_files

work_on_volume = dask_cluster._work
distributed = pytest.importorskip("distributed")

SHAPE, SPACING_MM = (24, 40, 36), (0.5, 0.8, 0.6)
AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent))
START = ["worker", "--nthreads", "1", "--no-nanny", "--no-dashboard"]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[object]:
    with distributed.LocalCluster(
        n_workers=0,
        host="127.0.0.1",
        protocol="tcp",
        scheduler_kwargs={"dashboard": False},
    ) as cluster:
        yield cluster


@pytest.fixture
def workers(scheduler: object, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two workers, started as docs/segmenting.md says."""
    command = [sys.executable, "-m", "dask", *START, scheduler.scheduler_address]
    with (tmp_path / "workers.log").open("wb") as log:
        started = [subprocess.Popen(command, stderr=log, stdout=log) for _ in range(2)]
        yield started
        for worker in started:
            worker.kill()
            worker.wait()


@pytest.fixture
def options(small_bundle: Path) -> SegmentOptions:
    # Axes that are said are not searched where there is no hand, as in noise.
    return SegmentOptions(models=(str(small_bundle),), axes="depth,lateral,scan")


@pytest.fixture
def work(speckle: np.ndarray, tmp_path: Path) -> list[Job]:
    (tmp_path / "out").mkdir()
    for number in range(6):
        image = np.roll(speckle, 3 * number, axis=1)
        write_image(tmp_path / f"v{number}.nrrd", image, Geometry.canonical(SHAPE, SPACING_MM))
    return [Job(tmp_path / f"v{n}.nrrd", tmp_path / "out" / f"v{n}.nrrd") for n in range(6)]


def identity(path: Path) -> tuple[int, int]:
    """What changes when a file is written again: it is renamed to its place."""
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_killed_worker(
    scheduler: object, workers: list, options: SegmentOptions, work: list[Job]
) -> None:
    work[4].source.write_bytes(b"no image")
    out = work[0].target.parent
    finished: dict[Path, tuple[int, int]] = {}
    outcomes = []
    for outcome in segment_files_on_cluster(scheduler.scheduler_address, work, options):
        outcomes.append(outcome)
        if len(outcomes) == 1:
            os.kill(workers[0].pid, signal.SIGKILL)
            workers[0].wait()
            # With those whose record is written but whose result may be lost with the worker.
            records = out.glob(".amcnet-run-*/?.json")
            finished = {
                target: identity(target)
                for target in (work[int(record.stem)].target for record in records)
            }
    assert finished
    assert {path: identity(path) for path in finished} == finished
    assert sorted(outcome.source for outcome in outcomes) == [job.source for job in work]
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    assert [outcome.source for outcome in failed] == [work[4].source]
    assert failed[0].error.startswith(f"{work[4].source}: ")
    good = [job for job in work if job != work[4]]
    left = {path for path in out.iterdir() if "-partial-" not in path.name}  # of the killed one
    assert left == {job.target for job in good}
    local = [Job(job.source, job.target.with_suffix(".mha")) for job in good]
    assert all(outcome.error is None for outcome in segment_files(local, options))
    for job in local:
        on_cluster = read_labels(job.target.with_suffix(".nrrd")).array
        np.testing.assert_array_equal(read_labels(job.target).array, on_cluster)


def test_interrupt_cancels_what_is_pending(
    scheduler: object, small_bundle: Path, work: list[Job]
) -> None:
    out = work[0].target.parent
    command = [AMCNET, "segment", *(job.source for job in work), "-o", out]
    command += [
        "--format",
        "seg.nrrd",
        "--model",
        small_bundle,
        "--dask",
        scheduler.scheduler_address,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not scheduler.scheduler.tasks:  # it has no workers: they stay there
            assert process.poll() is None
            time.sleep(0.01)
        assert len(list(out.glob(".amcnet-run-*"))) == 1
        interrupted = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert time.monotonic() - interrupted < 1
        last = process.stderr.read().decode().splitlines()[-1]
    assert last == "amcnet: interrupted, 0 of 6 volumes were segmented"
    assert not list(out.iterdir())
    deadline = time.monotonic() + 5
    while scheduler.scheduler.tasks and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not scheduler.scheduler.tasks


def test_record_says_what_was_finished(options: SegmentOptions, work: list[Job]) -> None:
    job, record = work[0], work[0].source.parent / "0.json"
    first = work_on_volume(job, options, PlaceInRun(record, 6, "session"))
    assert first.error is None
    before = identity(job.target)
    job.source.unlink()  # it is not needed again
    assert work_on_volume(job, options, PlaceInRun(record, 6, "session")) == first
    assert identity(job.target) == before
    place = PlaceInRun(record.parent / "no run" / "1.json", 6, "session")
    abandoned = work_on_volume(work[1], options, place)
    assert abandoned.error == f"{work[1].source}: was stopped"
    assert not work[1].target.exists()


def test_no_scheduler(
    options: SegmentOptions, work: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "_CONNECT_SECONDS", 0.3)
    for address in ("tcp://127.0.0.1:1", "nothing://here"):
        with pytest.raises(ConfigError, match=f"--dask: no scheduler answers at '{address}'"):
            next(segment_files_on_cluster(address, work, options))
    assert not list(work[0].target.parent.iterdir())


class Printed:
    """Keeps what a run shows: notes, stages in their order, and results without their times."""

    def __init__(self) -> None:
        self.events: list[VolumeEvent] = []
        self.outcomes: dict[Path, Outcome[SegmentedFile]] = {}

    def stages(self, number: int) -> list[str]:
        seen = [str(event.stage) for event in self.events if event.number == number]
        return list(dict.fromkeys(seen))


def test_the_same_verdicts_and_events_as_locally(
    scheduler: object, workers: list, options: SegmentOptions, work: list[Job]
) -> None:
    options = replace(options, measure=True)
    jobs = [
        replace(job, report=job.target.with_suffix(".html"), also=job.target.with_suffix(".nii"))
        for job in work[:2]
    ]
    jobs[1].source.write_bytes(b"no image")
    local, cluster = Printed(), Printed()
    for shown, run in (
        (local, segment_files(jobs, options, local.events.append)),
        (
            cluster,
            segment_files_on_cluster(
                scheduler.scheduler_address,
                jobs,
                replace(options, overwrite=True),
                cluster.events.append,
            ),
        ),
    ):
        shown.outcomes = {outcome.source: outcome for outcome in run}
        assert jobs[0].report.is_file()
        assert jobs[0].also.is_file()
    first, second = (shown.outcomes[jobs[0].source].result for shown in (local, cluster))
    assert first == second
    assert first.remark.startswith("bad: no hand")
    assert first.verdict == "bad"
    errors = [shown.outcomes[jobs[1].source].error for shown in (local, cluster)]
    assert errors[0] == errors[1]
    deadline = time.monotonic() + 5  # events travel on their own
    while cluster.stages(1) != local.stages(1) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cluster.stages(1) == local.stages(1)
    assert local.stages(1)[0] == "reading"
    assert local.stages(1)[-1] == "writing the report"


def test_the_command_prints_the_same(
    scheduler: object, workers: list, small_bundle: Path, work: list[Job]
) -> None:
    out = work[0].target.parent
    command = [AMCNET, "segment", work[0].source, work[1].source, "-o", out, "--overwrite"]
    command += ["--model", small_bundle, "--axes", "depth,lateral,scan"]
    printed = []
    for options in ([], ["--dask", scheduler.scheduler_address]):
        done = subprocess.run([*command, *options], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        blocks = re.split(r"\n(?! )", re.sub(r", [\d.]+ s$", "", done.stdout, flags=re.MULTILINE))
        printed.append(sorted(blocks))
    assert printed[0] == printed[1]
    assert sum("bad: no hand" in block for block in printed[0]) == 2
