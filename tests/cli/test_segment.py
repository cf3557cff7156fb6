import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amcnet.anatomy import LabelTable
from amcnet.cli.main import app, main
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.io import Geometry, write_image

AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent))
SHAPE, SPACING_MM = (24, 40, 36), (0.5, 0.8, 0.6)
# Axes that are said are not searched where there is no hand, as in noise.
AXES = ("--axes", "depth,lateral,scan")


def amcnet(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [AMCNET, "segment", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@pytest.fixture
def images(speckle: np.ndarray, tmp_path: Path) -> Path:
    """A folder with two volumes, a segmentation and a file that is no image."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, image in (("a.nrrd", speckle), ("b.nii.gz", speckle[::-1])):
        write_image(folder / name, image, Geometry.canonical(SHAPE, SPACING_MM))
    (folder / "c.seg.nrrd").write_bytes(b"somebody's")
    (folder / "notes.txt").write_text("mine")
    return folder


def test_folder_with_one_bad_file(small_bundle: Path, images: Path, tmp_path: Path) -> None:
    (images / "bad.mha").write_bytes(b"no image")
    out = tmp_path / "new folder"
    done = amcnet(
        images, "-o", out, "--model", small_bundle, "--only", "thumb", *AXES,
        PYTHONPROFILEIMPORTTIME="1",
    )  # fmt: skip
    assert done.returncode == 2
    assert sorted(path.name for path in out.iterdir()) == ["a.seg.nrrd", "b.nii.gz"]
    lines = done.stdout.splitlines()
    volumes = [line for line in lines if not line.startswith("  ")]
    assert [line.split(": ")[0] for line in volumes] == [
        str(out / "a.seg.nrrd"), str(out / "b.nii.gz"), "Untrained.",
    ]  # fmt: skip
    assert all("of 6 structures found, " in line and line.endswith(" s") for line in volumes[:2])
    # Of all structures, not of the thumb alone.
    assert [line for line in lines if "bad: no hand: This does not look like a hand" in line]
    imports = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert any(name.startswith("openvino.") for name in imports)
    assert not imports & {"torch", "monai", "distributed", "dask"}
    said = [line for line in done.stderr.splitlines() if "|" not in line]
    assert any(line.startswith(f"amcnet: {images / 'bad.mha'}: ") for line in said[:-1])
    assert said[-1] == f"amcnet: 1 of 3 failed: {images / 'bad.mha'}"
    assert any(line.startswith("2 of 3: b.nii.gz: labelling: 24 of 24") for line in said)


def test_options_reach_the_work(small_bundle: Path, images: Path, tmp_path: Path) -> None:
    arguments = ["segment", "-i", images / "a.nrrd", "-o", tmp_path / "masks"]
    arguments += ["--model", small_bundle, *AXES]
    arguments += ["--separate", "--format", "MHA", "--only", "bones", "--only", "epiphyses,thumb"]
    with pytest.raises(ConfigError, match=r"--format: found '\.mha2', expected one of \.seg\.nrrd"):
        run([*arguments, "--format", "mha2"])
    assert "of 38 structures found" in run(arguments)
    assert {path.suffix for path in (tmp_path / "masks").iterdir()} == {".mha"}
    with pytest.raises(OutputError, match="masks: already exists, use --overwrite"):
        run(arguments)
    assert "of 38 structures found" in run([*arguments, "--overwrite"])
    with pytest.raises(InputError, match=r"'thumbs' is not in .* expected 'thumb'"):
        run([*arguments, "--only", "thumbs"])


def test_a_page_for_each_volume(small_bundle: Path, images: Path, tmp_path: Path) -> None:
    arguments = ["segment", images, "-o", tmp_path / "out", "--model", small_bundle, *AXES]
    output = run([*arguments, "--report", tmp_path / "pages"])
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["a.html", "b.html"]
    page = (tmp_path / "pages" / "b.html").read_text(encoding="utf-8")
    for text in ("Untrained.", "b.nii.gz", "quality balanced", "24 x 40 x 36 voxels", "no hand"):
        assert text in page
    assert hashlib.sha256((images / "b.nii.gz").read_bytes()).hexdigest() in page
    assert output.count("bad: no hand: ") == 2
    with pytest.raises(OutputError, match=r"a\.html: already exists"):
        run([*arguments[:3], tmp_path / "other", *arguments[4:], "--report", tmp_path / "pages"])


def test_a_cohort_goes_on_where_it_broke_off(
    small_bundle: Path, images: Path, tmp_path: Path
) -> None:
    (images / "bad.mha").write_bytes(b"no image")
    out, manifest = tmp_path / "out", tmp_path / "run.json"
    arguments = ["segment", images, "-o", out, "--model", small_bundle, "--skip-existing"]
    arguments += ["--manifest", manifest, *AXES]
    with pytest.raises(SystemExit):
        run(arguments)
    volumes = json.loads(manifest.read_text(encoding="utf-8"))["volumes"]
    assert {Path(name).name: entry["status"] for name, entry in volumes.items()} == {
        "a.nrrd": "done", "b.nii.gz": "done", "bad.mha": "failed",
    }  # fmt: skip
    done = volumes[str(images / "a.nrrd")]
    assert done["output"] == str(out / "a.seg.nrrd")
    assert done["sha256"] == hashlib.sha256((images / "a.nrrd").read_bytes()).hexdigest()
    assert (done["verdict"], done["axes"]) == ("bad", "depth,lateral,scan")
    assert str(images / "bad.mha") in volumes[str(images / "bad.mha")]["error"]
    written = (out / "a.seg.nrrd").stat().st_mtime_ns
    shutil.copy(images / "a.nrrd", images / "bad.nrrd")
    (images / "bad.mha").unlink()
    printed = run(arguments)
    assert f"{out / 'a.seg.nrrd'}: exists already, skipped" in printed
    assert f"{out / 'bad.seg.nrrd'}: " in printed
    assert (out / "a.seg.nrrd").stat().st_mtime_ns == written
    content = json.loads(manifest.read_text(encoding="utf-8"))
    assert content["volumes"][str(images / "a.nrrd")] == done
    weights = small_bundle / "model.safetensors"
    assert content["models"][0]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    with pytest.raises(ConfigError, match="--skip-existing: cannot be combined with --overwrite"):
        run([*arguments, "--overwrite"])
    manifest.write_text("{}")
    with pytest.raises(OutputError, match=r"run\.json: is not a manifest"):
        run(arguments)


def test_what_is_doubtful_is_said_before_work(
    small_bundle: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    scan, out = tmp_path / "scan.nrrd", tmp_path / "scan.seg.nrrd"
    write_image(scan, speckle, Geometry.canonical(SHAPE, (1.0, 1.0, 1.0)))
    done = amcnet(scan, "-o", out, "--model", small_bundle, *AXES)
    assert done.returncode == 0
    said = done.stderr.splitlines()
    (note,) = [line for line in said if "1 x 1 x 1 mm" in line]
    assert note.startswith(f"amcnet: {scan}: ")
    assert "--spacing SCAN,LATERAL,DEPTH" in note
    network = next(n for n, line in enumerate(said) if "running the network" in line)
    assert said.index(note) < network
    arguments = [scan, "-o", out, "--overwrite", "--model", small_bundle]
    arguments += [*AXES]
    done = amcnet(*arguments, "--spacing", "0.5,0.8,0.6")
    assert done.returncode == 0, done.stderr
    assert "1 x 1 x 1" not in done.stderr
    for wrong in ("0.5,0.8", "0.5,0.8,-1", "0.5,0.8,big", "0.5,0.8,inf"):
        refused = amcnet(*arguments, "--spacing", wrong)
        assert refused.returncode == 2
        assert f"found '{wrong}', expected three sizes" in " ".join(refused.stderr.split())
    done = amcnet(*arguments)
    # The verdict names the causes and what to do about them.
    (verdict,) = [line for line in done.stdout.splitlines() if "no hand" in line]
    assert "--spacing" in verdict
    assert "--axes=search" in verdict


def test_labels_are_no_image(small_bundle: Path, tmp_path: Path) -> None:
    labels = np.zeros((20, 30, 20), np.uint8)
    labels[5:15, 5:25, 5:15] = 3
    labels[5:15, 5:25, 10:15] = 7
    path = tmp_path / "labels.nii.gz"
    write_image(path, labels, Geometry.canonical(labels.shape, SPACING_MM))
    done = amcnet(path, "-o", tmp_path / "out.nii.gz", "--model", small_bundle)
    assert done.returncode == 2
    assert "labels.nii.gz: holds labels (3 different values up to 7)" in done.stderr


def run(arguments: list[object]) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume that takes a while to read, segment and write, and a model of two structures."""
    torch = pytest.importorskip("torch")
    from amcnet.bundle import BundleDescription, Provenance
    from amcnet.bundle.bundle_writing import write_bundle
    from amcnet.data import Preprocessing
    from amcnet.networks import Architecture, build_network

    folder = tmp_path_factory.mktemp("large")
    torch.manual_seed(1)
    table = LabelTable.from_names(["one", "two"])
    architecture = Architecture(width=4, num_classes=table.num_classes)
    description = BundleDescription(
        name="two",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=(1.0, 1.0, 1.0)),
        window=8,
        labels=table.to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    write_bundle(folder / "model", build_network(architecture), description)
    noise = np.random.default_rng(0).integers(0, 255, (120, 300, 300)).astype(np.uint8)
    geometry = Geometry.canonical(noise.shape, (0.25, 0.25, 0.25))
    write_image(folder / "noise.nii.gz", noise, geometry)
    return folder


def opened(process: subprocess.Popen[bytes], name: str) -> bool:
    links = Path(f"/proc/{process.pid}/fd").iterdir()
    try:
        return any(link.readlink().name == name for link in links)
    except OSError:  # closed meanwhile
        return False


MOMENTS: dict[str, Callable[[subprocess.Popen[bytes], Path, Path], bool]] = {
    "reading": lambda process, out, log: opened(process, "noise.nii.gz"),
    "network": lambda process, out, log: b"noise" in log.read_bytes(),
    "writing": lambda process, out, log: any(out.iterdir()),
}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into the process by /proc")
@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        ("reading", signal.SIGINT),
        ("network", signal.SIGTERM),
        ("writing", signal.SIGINT),
    ],
)
def test_interrupt_ends_at_once_and_leaves_nothing(
    large: Path, tmp_path: Path, moment: str, sent: signal.Signals
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    out.mkdir()
    command = [AMCNET, "segment", large / "noise.nii.gz", "-o", out / "noise.seg.nrrd"]
    command += ["--model", large / "model", "--no-cleanup"]
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr) as process:
        deadline = time.monotonic() + 60
        while not MOMENTS[moment](process, out, log):
            assert process.poll() is None, f"ended before {moment}: {log.read_text()}"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        interrupted = time.monotonic()
        process.send_signal(sent)
        assert process.wait(timeout=30) == 130
        seconds = time.monotonic() - interrupted
    assert list(out.iterdir()) == []
    last = log.read_text().splitlines()[-1]
    assert last == "amcnet: interrupted, 0 of 1 volume was segmented"
    assert seconds < 1


def test_no_streams_to_write_to(
    small_bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in ("stdout", "stderr"):  # as when started without a terminal, or with 2>&-
        monkeypatch.setattr(sys, stream, None)
    arguments = [images / "a.nrrd", "-o", tmp_path / "a.seg.nrrd", "--model", small_bundle]
    monkeypatch.setattr(sys, "argv", ["amcnet", "segment", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert (tmp_path / "a.seg.nrrd").is_file()
