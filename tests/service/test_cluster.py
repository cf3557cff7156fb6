"""The service in front of a Dask cluster."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amcnet.io import Geometry, write_image
from amcnet.service.work.cluster_segmenting import count_workers
from amcnet.workflows import SegmentOptions, plan_files, segment_files

from .running import AXES, Service

distributed = pytest.importorskip("distributed")
WORKER = ["worker", "--nthreads", "1", "--no-nanny", "--no-dashboard"]


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A scheduler with two workers, in processes of their own."""
    with (
        distributed.LocalCluster(
            n_workers=0, host="127.0.0.1", protocol="tcp", scheduler_kwargs={"dashboard": False}
        ) as cluster,
        (tmp_path / "workers.log").open("wb") as log,
    ):
        command = [sys.executable, "-m", "dask", *WORKER, cluster.scheduler_address]
        started = [subprocess.Popen(command, stderr=log, stdout=log) for _ in range(2)]
        try:
            with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=120)
            yield cluster.scheduler_address
        finally:
            for worker in started:
                worker.kill()
                worker.wait()


@pytest.mark.skipif(os.name != "posix", reason="workers are killed as POSIX does")
@pytest.mark.timeout(600)
def test_jobs_are_spread_and_results_are_the_same(
    scheduler: str, plain_bundle: Path, tmp_path: Path, speckle: np.ndarray
) -> None:
    assert count_workers(scheduler) == 2
    grid = Geometry.canonical(speckle.shape, (1.2, 1.0, 0.9))
    scans = [tmp_path / f"{name}.nrrd" for name in ("a", "b", "c")]
    for number, path in enumerate(scans):
        write_image(path, np.roll(speckle, number, axis=1), grid)
    (tmp_path / "d.nrrd").write_bytes(b"NRRD0004\n")
    service = Service(tmp_path, plain_bundle, "--dask", scheduler)
    try:
        jobs = [service.submit(path).json["id"] for path in scans]
        damaged = service.submit(tmp_path / "d.nrrd").json["id"]
        assert [service.wait(job)["state"] for job in jobs] == ["done"] * 3
        failed = service.wait(damaged)
        assert failed["error"].startswith("d.nrrd: ")
        kinds = {event["event"] for event in service.events(jobs[0])}
        assert "result" in kinds
        here = tmp_path / "here"
        options = SegmentOptions(models=(str(plain_bundle),), axes=AXES)
        for outcome in segment_files(plan_files(scans, here, options), options):
            job = jobs[scans.index(outcome.source)]
            answer = service.get(f"/jobs/{job}/labels")
            assert answer.body == outcome.result.output.read_bytes()
    finally:
        service.close()
